// Markup that nobody has vouched for becomes elements here, and only here. No string is ever put into this page as
// HTML; the page's policy (Trusted Types) lets nobody try.

const parserPolicy = globalThis.trustedTypes?.createPolicy('glm-ocr-inert', { createHTML: (html) => html });

const words = (text) => new Set(text.split(' '));

// A document that runs nothing and loads nothing.
function parse(html) {
  return new DOMParser().parseFromString(parserPolicy ? parserPolicy.createHTML(html) : html, 'text/html').body;
}

// ---- tables

// Tables come as HTML. They are read tag by tag from this list; all else in them is text, other tags included.
const TABLE_TAG = /<(\/?)(table|thead|tbody|tfoot|tr|td|th|caption|br|sub|sup|b|strong|i|em|u)((?:\s[^<>]*)?)\/?>/gi;
// What a tag ends that was left open: a cell the cell before, a row the row before.
const ENDS = {
  td: words('td th'), th: words('td th'), tr: words('td th tr'), caption: words('caption'),
  thead: words('td th tr thead tbody tfoot caption'), tbody: words('td th tr thead tbody tfoot caption'),
  tfoot: words('td th tr thead tbody tfoot caption'),
};
const PARENTS = {
  td: words('tr'), th: words('tr'), tr: words('table thead tbody tfoot'), thead: words('table'), tbody: words('table'),
  tfoot: words('table'), caption: words('table'),
};
const INLINE = words('sub sup b strong i em u');
const MAX_DEPTH = 100;  // of open elements; deeper ones are text
const MAX_SPAN = 1000;  // of a cell

function spanOf(attributes, name) {
  const found = new RegExp(`\\s${name}\\s*=\\s*["']?(\\d{1,6})`, 'i').exec(attributes);
  return found ? Math.min(Number(found[1]), MAX_SPAN) : 1;
}

const plain = (text, into) => into.append(text);

// `onText(text, element)` puts a piece of a cell's text into it.
export function tableFragment(html, onText = plain) {
  const fragment = document.createDocumentFragment();
  const open = [fragment];
  const nameOf = (node) => node.localName ?? '';
  const close = (names) => {
    for (let i = open.length - 1; i > 0 && nameOf(open[i]) !== 'table'; i -= 1) {
      if (names.has(nameOf(open[i]))) open.length = i;
    }
  };
  const text = (raw) => {
    // Between rows there is only layout.
    if (raw && (raw.trim() || !/^(table|thead|tbody|tfoot|tr)$/.test(nameOf(open.at(-1))))) onText(decodeEntities(raw), open.at(-1));
  };
  let at = 0;
  for (const match of html.matchAll(TABLE_TAG)) {
    text(html.slice(at, match.index));
    at = match.index + match[0].length;
    const tag = match[2].toLowerCase();
    if (tag === 'br') {
      open.at(-1).append(element('br'));
    } else if (match[1]) {
      const from = open.findLastIndex((node) => nameOf(node) === tag);
      const table = open.findLastIndex((node) => nameOf(node) === 'table');
      if (from > 0 && (from >= table)) open.length = from;
    } else if (open.length >= MAX_DEPTH) {
      plain(match[0], open.at(-1));
    } else {
      if (ENDS[tag]) close(ENDS[tag]);
      else if (tag === 'table' && /^(table|thead|tbody|tfoot|tr)$/.test(nameOf(open.at(-1)))) continue;
      if (PARENTS[tag] && !PARENTS[tag].has(nameOf(open.at(-1)))) {
        if (tag !== 'td' && tag !== 'th') continue;
        if (!/^(table|thead|tbody|tfoot)$/.test(nameOf(open.at(-1)))) continue;
        const row = element('tr');  // a cell without a row
        open.at(-1).append(row);
        open.push(row);
      }
      const made = element(tag);
      for (const name of ['rowspan', 'colspan']) {
        const span = tag === 'td' || tag === 'th' ? spanOf(match[3], name) : 1;
        if (span > 1) made.setAttribute(name, String(span));
      }
      open.at(-1).append(made);
      open.push(made);
    }
  }
  text(html.slice(at));
  return fragment;
}

// ---- formulas

// What katex.renderToString makes with trust off.
const KATEX_TAGS = words('span svg path line math semantics annotation mrow mi mn mo ms mtext mspace msup msub msubsup mfrac ' +
  'msqrt mroot mtable mtr mlabeledtr mtd mover munder munderover mstyle mpadded mphantom menclose merror');
const KATEX_ATTRIBUTES = words('class aria-hidden width height viewBox preserveAspectRatio d x1 x2 y1 y2 stroke-width ' +
  'encoding mathvariant mathcolor mathbackground mathsize stretchy fence separator lspace rspace minsize maxsize symmetric ' +
  'accent accentunder display displaystyle scriptlevel linethickness columnalign columnspacing columnlines rowalign ' +
  'rowspacing rowlines voffset depth notation movablelimits largeop form');
const NAMESPACES = new Set([
  'http://www.w3.org/1999/xhtml', 'http://www.w3.org/2000/svg', 'http://www.w3.org/1998/Math/MathML',
]);
const MAX_FORMULA_DEPTH = 400;

function rebuild(from, into, depth) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) {
      into.append(node.data);
    } else if (node.nodeType === Node.ELEMENT_NODE && KATEX_TAGS.has(node.localName) && NAMESPACES.has(node.namespaceURI)) {
      if (depth > MAX_FORMULA_DEPTH) throw new RangeError('nested too deeply');
      const made = document.createElementNS(node.namespaceURI, node.localName);
      for (const { name, value } of node.attributes) {
        if (name === 'data-style') made.style.cssText = value;
        else if (KATEX_ATTRIBUTES.has(name)) made.setAttribute(name, value);
      }
      into.append(made);
      rebuild(node, made, depth + 1);
    }
  }
}

// A style attribute, even in a document that is not shown, is an inline style to the page's policy; styles set by script
// are none. KaTeX escapes both quotation marks in what a formula says, so what is replaced is its own alone.
export function katexFragment(html) {
  const fragment = document.createDocumentFragment();
  rebuild(parse(html.replace(/ style=(?=["'])/g, ' data-style=')), fragment, 0);
  return fragment;
}

// ---- text

// "&amp;eacute;" -> "&eacute;": the text that a piece of HTML without tags stands for.
export function decodeEntities(text) {
  if (!text.includes('&')) return text;
  return parse(text.replaceAll('<', '&lt;')).textContent;
}

// element('p', {class: 'x', hidden: true}, 'text', child): attributes and children, never markup.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, '');
    else if (value !== false && value != null) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

export function svgElement(tag, attributes = {}) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}
