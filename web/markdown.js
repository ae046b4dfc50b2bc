// Markdown as a reader of documents sees it: marked finds the structure, KaTeX sets the formulas, and elements are made
// one by one (safe_dom.js). Links are shown, not followed: where they lead was written by whoever made the document.
import { decodeEntities, element, katexFragment, tableFragment } from './safe_dom.js';

/* global katex, marked */

const MAX_FORMULA = 20000;  // characters of one formula; longer ones are shown as they are written
const MAX_HEADING = 6;

// marked knows no formulas, and would take a_1 b_2 between dollars for emphasis. `$` opens a formula before a sign that
// is no space, and closes it after one and not before a digit: "$5 and $6" are prices.
const blockMath = {
  name: 'blockMath',
  level: 'block',
  start: (source) => source.match(/\$\$|\\\[/)?.index,
  tokenizer(source) {
    const match = /^ {0,3}(?:\$\$([^$]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n|$)/.exec(source);
    if (match) return { type: 'blockMath', raw: match[0], tex: (match[1] ?? match[2]).trim() };
    return undefined;
  },
};
const inlineMath = {
  name: 'inlineMath',
  level: 'inline',
  start: (source) => source.match(/\$|\\\(|\\\[/)?.index,
  tokenizer(source) {
    const match = /^\$\$([^$]+?)\$\$|^\\\[([\s\S]+?)\\\]|^\$(?![\s$])((?:\\[\s\S]|[^$\\])*?)(?<!\s)\$(?!\d)|^\\\(([\s\S]+?)\\\)/
      .exec(source);
    if (!match) return undefined;
    const shown = match[1] ?? match[2];
    return { type: 'inlineMath', raw: match[0], tex: (shown ?? match[3] ?? match[4]).trim(), display: shown !== undefined };
  },
};
marked.use({ extensions: [blockMath, inlineMath] });

export function formula(tex, display) {
  const host = element(display ? 'div' : 'span', { class: display ? 'formula' : 'formula-inline' });
  try {
    if (tex.length > MAX_FORMULA) throw new RangeError('long');
    host.append(katexFragment(katex.renderToString(tex, {
      displayMode: display, throwOnError: true, strict: 'ignore', trust: false, maxSize: 50, maxExpand: 1000,
    })));
    if (display) host.tabIndex = 0;  // wide ones scroll, by keys too
    if (display) host.setAttribute('role', 'group');
    if (display) host.setAttribute('aria-label', 'Formula');
  } catch {
    host.append(element('code', { class: 'formula-source' }, tex));
  }
  return host;
}

// Tags that documents' Markdown uses inside a line. Any other tag is shown as the text that it is.
const INLINE_TAG = /^<(\/?)(sub|sup|b|strong|i|em|u)\s*>$/i;

function inlineHtml(raw, open) {
  if (/^<br\s*\/?>$/i.test(raw)) {
    open.at(-1).append(element('br'));
    return;
  }
  const tag = INLINE_TAG.exec(raw);
  if (!tag) {
    open.at(-1).append(raw);
  } else if (!tag[1]) {
    const made = element(tag[2].toLowerCase());
    open.at(-1).append(made);
    open.push(made);
  } else if (open.length > 1) {
    open.pop();
  }
}

function inline(tokens, host) {
  const open = [host];  // inline HTML comes as single tags
  for (const token of tokens ?? []) {
    const into = open.at(-1);
    switch (token.type) {
      case 'strong': case 'em': case 'del': {
        const made = element(token.type);
        inline(token.tokens, made);
        into.append(made);
        break;
      }
      case 'codespan': into.append(element('code', {}, decodeEntities(token.text))); break;
      case 'br': into.append(element('br')); break;
      case 'inlineMath': into.append(formula(token.tex, token.display)); break;
      case 'link': {
        inline(token.tokens, into);
        const address = decodeEntities(token.href ?? '');
        if (address && address !== token.text && address !== `mailto:${token.text}`) {
          into.append(element('span', { class: 'address' }, ` (${address})`));
        }
        break;
      }
      case 'image': into.append(element('span', { class: 'address' }, `[${decodeEntities(token.text) || 'picture'}]`)); break;
      case 'html': inlineHtml(token.raw, open); break;
      case 'text': case 'escape':
        if (token.tokens) inline(token.tokens, into);
        else into.append(decodeEntities(token.text));
        break;
      default: into.append(token.raw ?? '');
    }
  }
}

function cell(tag, token, align) {
  const made = element(tag);
  if (align) made.classList.add(`align-${align}`);
  inline(token.tokens, made);
  return made;
}

function scrollable(table) {
  return element('div', { class: 'table', tabindex: 0, role: 'group', 'aria-label': 'Table' }, table);
}

// The text of a cell may hold formulas.
function cellText(text, into) {
  if (/[$\\]/.test(text) && into.closest?.('td, th')) inline(marked.Lexer.lexInline(text), into);
  else into.append(text);
}

function htmlBlock(html, into) {
  if (!/<table[\s>]/i.test(html)) {
    const made = element('p');
    inline(marked.Lexer.lexInline(html.trim()), made);
    into.append(made);
    return;
  }
  const fragment = tableFragment(html, cellText);
  for (const table of fragment.querySelectorAll('table')) {
    if (table.parentElement?.closest('table')) continue;  // inside another, which scrolls
    const host = scrollable('');
    table.replaceWith(host);
    host.append(table);
  }
  into.append(fragment);
}

function blocks(tokens, into, headingShift) {
  for (const token of tokens) {
    switch (token.type) {
      case 'space': case 'def': break;
      case 'heading': {
        const made = element(`h${Math.min(MAX_HEADING, token.depth + headingShift)}`, { class: `title-${token.depth}` });
        inline(token.tokens, made);
        into.append(made);
        break;
      }
      case 'paragraph': {
        const made = element('p');
        inline(token.tokens, made);
        into.append(made);
        break;
      }
      case 'text': {
        if (token.tokens) inline(token.tokens, into);
        else into.append(decodeEntities(token.text));
        break;
      }
      case 'blockMath': into.append(formula(token.tex, true)); break;
      case 'code': into.append(element('pre', { tabindex: 0 }, element('code', {}, token.text))); break;
      case 'blockquote': {
        const made = element('blockquote');
        blocks(token.tokens, made, headingShift);
        into.append(made);
        break;
      }
      case 'list': {
        const made = element(token.ordered ? 'ol' : 'ul', { start: token.ordered && token.start !== 1 ? token.start : null });
        for (const item of token.items) {
          const li = element('li');
          blocks(item.tokens, li, headingShift);
          made.append(li);
        }
        into.append(made);
        break;
      }
      case 'table': {
        const table = element('table');
        const head = element('tr');
        token.header.forEach((one, i) => head.append(cell('th', one, token.align[i])));
        table.append(element('thead', {}, head));
        const body = element('tbody');
        for (const row of token.rows) {
          const tr = element('tr');
          row.forEach((one, i) => tr.append(cell('td', one, token.align[i])));
          body.append(tr);
        }
        table.append(body);
        into.append(scrollable(table));
        break;
      }
      case 'hr': into.append(element('hr')); break;
      case 'html': htmlBlock(token.raw, into); break;
      default: into.append(element('p', {}, token.raw ?? ''));
    }
  }
}

// Elements for Markdown; its first-level headings become h(1 + headingShift). What cannot be parsed is shown as it is.
export function markdownFragment(source, headingShift = 0) {
  const fragment = document.createDocumentFragment();
  try {
    blocks(marked.lexer(source), fragment, headingShift);
  } catch {
    fragment.replaceChildren(element('pre', { tabindex: 0 }, source));
  }
  return fragment;
}

// The elements of one line, for a title that is marked by its region and not by '#'.
export function headingElement(source, level, headingShift) {
  const made = element(`h${Math.min(MAX_HEADING, level + headingShift)}`, { class: `title-${level}` });
  inline(marked.Lexer.lexInline(source.replace(/\s*\n\s*/g, ' ')), made);
  return made;
}
