// Markup that nobody has vouched for becomes elements here, and only here. A string is parsed in a document that runs
// nothing and loads nothing (DOMParser), then rebuilt element by element from an allow-list. No string is ever put into
// this page as HTML, and the page's policy (Trusted Types) lets nobody else try.

const parserPolicy = globalThis.trustedTypes?.createPolicy('glm-ocr-inert', { createHTML: (html) => html });

const words = (text) => new Set(text.split(' '));

const TABLE = {
  tags: words('table thead tbody tfoot tr th td caption br b strong i em sub sup'),
  attributes: words('rowspan colspan'),
};

// What katex.renderToString makes with trust off.
const KATEX = {
  tags: words('span svg path line math semantics annotation mrow mi mn mo ms mtext mspace msup msub msubsup mfrac msqrt ' +
    'mroot mtable mtr mlabeledtr mtd mover munder munderover mstyle mpadded mphantom menclose merror'),
  attributes: words('class style aria-hidden width height viewBox preserveAspectRatio d x1 x2 y1 y2 stroke-width encoding ' +
    'mathvariant mathcolor mathbackground mathsize stretchy fence separator lspace rspace minsize maxsize symmetric accent ' +
    'accentunder display displaystyle scriptlevel linethickness columnalign columnspacing columnlines rowalign rowspacing ' +
    'rowlines voffset depth notation movablelimits largeop form'),
};

const NAMESPACES = new Set([
  'http://www.w3.org/1999/xhtml', 'http://www.w3.org/2000/svg', 'http://www.w3.org/1998/Math/MathML',
]);
const GONE = words('script style template iframe object embed noscript');
const MAX_DEPTH = 200;  // of nested markup; deeper parts are left out
const MAX_SPAN = 1000;  // of a cell

function parse(html) {
  return new DOMParser().parseFromString(parserPolicy ? parserPolicy.createHTML(html) : html, 'text/html').body;
}

// Elements that are not listed leave their text behind; scripts and the like leave nothing.
function rebuild(from, into, allowed, onText, depth = 0) {
  if (depth > MAX_DEPTH) return;
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) {
      onText(node.data, into);
      continue;
    }
    if (node.nodeType !== Node.ELEMENT_NODE || GONE.has(node.localName)) continue;
    if (!allowed.tags.has(node.localName) || !NAMESPACES.has(node.namespaceURI)) {
      rebuild(node, into, allowed, onText, depth + 1);
      continue;
    }
    const made = document.createElementNS(node.namespaceURI, node.localName);
    for (const { name, value } of node.attributes) {
      if (!allowed.attributes.has(name)) continue;
      if (name === 'style') {
        made.style.cssText = value;  // a style attribute would need 'unsafe-inline'
      } else if (name === 'rowspan' || name === 'colspan') {
        const span = Number.parseInt(value, 10);
        if (span > 1) made.setAttribute(name, String(Math.min(span, MAX_SPAN)));
      } else {
        made.setAttribute(name, value);
      }
    }
    into.append(made);
    rebuild(node, made, allowed, onText, depth + 1);
  }
}

const plain = (text, into) => into.append(text);

// `onText(text, element)` puts the text of a cell into it.
export function tableFragment(html, onText = plain) {
  const fragment = document.createDocumentFragment();
  rebuild(parse(html), fragment, TABLE, onText);
  return fragment;
}

export function katexFragment(html) {
  const fragment = document.createDocumentFragment();
  rebuild(parse(html), fragment, KATEX, plain);
  return fragment;
}

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
