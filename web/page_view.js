// One page: its picture with the regions drawn over it, and beside it what was read in them.
import { callBlob, documentPath, withoutOptions } from './api.js';
import { formula, headingElement, markdownFragment } from './markdown.js';
import { element, svgElement } from './safe_dom.js';

const HEADING_SHIFT = 3;  // the page's own title is an h3

const FURNITURE = new Set(['header', 'footer', 'number', 'header_image', 'footer_image', 'aside_text', 'footnote']);
const PICTURES = new Set(['image', 'chart', 'seal', 'header_image', 'footer_image']);
const TITLES = { doc_title: 1, paragraph_title: 2 };  // levels where the layout knows none
const NAMES = {
  abstract: 'Abstract', algorithm: 'Algorithm', aside_text: 'Aside', chart: 'Chart', content: 'Contents',
  display_formula: 'Formula', doc_title: 'Title', figure_title: 'Caption', footer: 'Footer', footer_image: 'Footer picture',
  footnote: 'Footnote', formula_number: 'Formula number', header: 'Header', header_image: 'Header picture', image: 'Picture',
  inline_formula: 'Formula', number: 'Page number', paragraph_title: 'Heading', reference: 'References',
  reference_content: 'Reference', seal: 'Seal', table: 'Table', text: 'Text', vertical_text: 'Vertical text',
  vision_footnote: 'Note',
};

// A list of numbers, a box say, takes one line.
const prettyJson = (value) => JSON.stringify(value, null, 1)
  .replace(/\[\s+(-?[\d.e+-]+(?:,\s+-?[\d.e+-]+)*)\s+\]/g, (_, numbers) => `[${numbers.replace(/\s+/g, ' ')}]`);

export const percent = (share) => `${Math.round(share * 100)} %`;

const WORD = /\S+/g;
const MAX_SKIP = 12;  // words between two places where what was read and what is shown agree again

// Without the signs of Markdown, which are shown as what they mean.
const bare = (text) => text.replace(/[\\*_`~#$|]/g, '');

// Pairs [place in `shown`, confidence] for words that are shown as they were read. Where the two differ (a line's
// hyphen, a formula, a sign of Markdown alone) neither side is guessed at.
function alignWords(shown, read) {
  const plain = read.map((word) => bare(word.text));
  const pairs = [];
  // How many words as read make the shown one: two where a line's end had parted it.
  const same = (i, j) => {
    if (i >= read.length || j >= shown.length) return 0;
    if (plain[i] === shown[j]) return 1;
    if (plain[i].endsWith('-') && plain[i].slice(0, -1) + plain[i + 1] === shown[j]) return 2;
    return 0;
  };
  let i = 0;
  for (let j = 0; i < read.length && j < shown.length;) {
    const n = same(i, j);
    if (n) {
      pairs.push([j, Math.min(...read.slice(i, i + n).map((word) => word.confidence))]);
      i += n;
      j += 1;
      continue;
    }
    let found = null;
    for (let sum = 1; sum <= 2 * MAX_SKIP && !found; sum += 1) {
      for (let skip = Math.max(0, sum - MAX_SKIP); skip <= Math.min(sum, MAX_SKIP) && !found; skip += 1) {
        if (same(i + skip, j + sum - skip)) found = [skip, sum - skip];
      }
    }
    i += found?.[0] ?? 1;
    j += found?.[1] ?? 1;
  }
  return pairs;
}

// How strongly to shade: nothing from 0.99 on, everything at 0.6.
const doubt = (confidence) => Math.min(1, Math.max(0, (0.99 - confidence) / 0.39)) ** 0.7;

// Of a word, whose number is the least of its tokens': below 0.95, in full from 0.4 on.
const wordDoubt = (confidence) => Math.min(1, Math.max(0, (0.95 - confidence) / 0.55)) ** 0.7;

// Pictures are fetched a few at a time, so that a long document leaves connections for everything else.
const MAX_FETCHES = 2;
let fetching = 0;
const waiting = [];
async function inTurn(work) {
  if (fetching >= MAX_FETCHES) await new Promise((resolve) => waiting.push(resolve));
  fetching += 1;
  try {
    return await work();
  } finally {
    fetching -= 1;
    waiting.shift()?.();
  }
}

export class PageView {
  constructor(documentId, page) {
    this.documentId = documentId;
    this.page = page;
    this.picture = null;  // its object URL
    this.loading = false;
    this.closed = new AbortController();
    this.build();
  }

  build() {
    const { page } = this;
    const id = `page-${page.page}`;
    this.root = element('article', { class: 'page', 'aria-labelledby': id });
    const head = element('h3', { id }, `Page ${page.page}`);
    if (page.n_pages) head.append(element('span', { class: 'of' }, ` of ${page.n_pages}`));
    this.root.append(head);
    if (page.error) {
      const message = typeof page.error === 'string' ? page.error : page.error.message;
      this.root.append(element('p', { class: 'page-error' }, `This page could not be read: ${withoutOptions(message)}`));
    }
    const texts = (page.regions ?? []).filter((region) => region.content && !PICTURES.has(region.label));
    const own = texts.filter((region) => region.from_text_layer).length;
    if (own > 0) {
      this.root.append(element('p', { class: 'own-text' }, own === texts.length
        ? 'The PDF’s own text, not read by the model.' : 'Some of this is the PDF’s own text.'));
    }
    if (page.warnings?.length) {
      this.root.append(element('ul', { class: 'page-warnings', 'aria-label': `Warnings of page ${page.page}` },
        ...page.warnings.map((one) => element('li', {}, withoutOptions(one.message)))));
    }
    const regions = page.regions ?? [];
    this.scan = element('figure', { class: 'scan' });
    this.canvas = element('div', { class: 'sheet' });
    if (page.width_px > 0 && page.height_px > 0) {
      this.canvas.style.aspectRatio = `${page.width_px} / ${page.height_px}`;
      this.canvas.style.setProperty('--ratio', String(page.width_px / page.height_px));
      this.overlay = svgElement('svg', {
        class: 'overlay', viewBox: `0 0 ${page.width_px} ${page.height_px}`, preserveAspectRatio: 'none', 'aria-hidden': 'true',
      });
      regions.forEach((region, i) => this.overlay.append(this.outline(region, i)));
      this.canvas.append(this.overlay);
    }
    this.scan.append(this.canvas);
    this.text = element('div', { class: 'text' });
    regions.forEach((region, i) => this.text.append(this.block(region, i)));
    if (regions.length === 0 && !page.error) {
      if (page.markdown) this.text.append(element('div', { class: 'block' }, markdownFragment(page.markdown, HEADING_SHIFT)));
      else this.text.append(element('p', { class: 'nothing' }, 'Nothing was found on this page.'));
    }
    if (regions.length > 0 && !page.error && !regions.some((region) => region.content?.trim())) {
      this.text.prepend(element('p', { class: 'nothing' }, 'No text was found on this page.'));
    }
    this.columns = element('div', { class: 'columns' }, this.scan, this.text);
    this.root.append(this.columns);
    this.text.querySelector('.block')?.setAttribute('tabindex', '0');
    this.listen();
  }

  outline(region, i) {
    const [x0, y0, x1, y1] = region.bbox_px ?? [0, 0, 0, 0];
    const points = region.polygon_px?.length >= 3 ? region.polygon_px : [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
    const made = svgElement('polygon', {
      points: points.map(([x, y]) => `${Number(x)},${Number(y)}`).join(' '), 'data-region': i,
    });
    if (typeof region.confidence === 'number' && region.content && !region.from_text_layer) made.style.setProperty('--doubt', doubt(region.confidence).toFixed(3));
    return made;
  }

  block(region, i) {
    const sure = typeof region.confidence === 'number' && region.content && !region.from_text_layer ? region.confidence : null;
    const name = NAMES[region.label] ?? String(region.label ?? 'Text').replaceAll('_', ' ');
    const made = element('div', {
      class: 'block', 'data-region': i, tabindex: -1, role: 'group',
      'aria-label': region.from_text_layer ? `${name}, from the PDF's own text`
        : sure === null ? name : `${name}, confidence ${percent(sure)}`,
    });
    if (FURNITURE.has(region.label)) made.classList.add('furniture');
    if (sure !== null) {
      made.style.setProperty('--doubt', doubt(sure).toFixed(3));
      made.append(element('span', { class: 'sure', 'aria-hidden': 'true' }, percent(sure)));
    }
    const content = region.content ?? '';
    if (PICTURES.has(region.label) && !content && this.isWholePage(region)) {
      made.append(element('p', { class: 'nothing' }, `${name}, the whole page`));  // it is shown beside this
    } else if (PICTURES.has(region.label) && !content) {
      const host = element('div', { class: 'crop' }, name);
      host.dataset.crop = String(i);
      made.append(host);
    } else if (/formula$/.test(region.label) && content && !/\$|\\\(|\\\[/.test(content)) {
      made.append(formula(content, true));
    } else if (TITLES[region.label] && !/^\s*#/.test(content)) {
      made.append(headingElement(content, region.heading_level || TITLES[region.label], HEADING_SHIFT));
    } else {
      made.append(markdownFragment(content, HEADING_SHIFT));
    }
    if (region.error) made.append(element('p', { class: 'page-error' }, `Not read: ${region.error}`));
    return made;
  }

  isWholePage({ bbox_px: [x0, y0, x1, y1] = [0, 0, 0, 0] }) {
    return (x1 - x0) * (y1 - y0) >= 0.7 * this.page.width_px * this.page.height_px;
  }

  // Marks the words that the model was less sure of; style.css shows the marks when they are wanted.
  shadeWords() {
    if (this.shaded) return;
    this.shaded = true;
    (this.page.regions ?? []).forEach((region, i) => {
      const block = this.blockOf(i);
      if (!region.words?.length || !block) return;
      const texts = [];
      const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT, (node) => (
        node.parentElement.closest('.sure, .katex, .formula-source, .crop, .page-error') ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT));
      while (walker.nextNode()) {
        for (const found of walker.currentNode.data.matchAll(WORD)) texts.push({ node: walker.currentNode, at: found.index, text: found[0] });
      }
      const pairs = alignWords(texts.map((one) => bare(one.text)), region.words);
      if (pairs.length * 2 < texts.length) return;  // the block is shaded as a whole
      block.classList.add('by-word');
      // From the end, so that places in a node stay true when it is split.
      for (const [j, confidence] of pairs.reverse()) {
        if (wordDoubt(confidence) === 0) continue;
        const { node, at, text } = texts[j];
        const mark = element('mark', { class: 'doubt', title: percent(confidence) });
        mark.style.setProperty('--doubt', wordDoubt(confidence).toFixed(3));
        const word = node.splitText(at);
        word.splitText(text.length);
        word.replaceWith(mark);
        mark.append(word);
      }
    });
  }

  // 'text', 'markdown' or 'json'. `pageJson(number)` gives a promise of the page's JSON, or null before it is made.
  setView(view, pageJson) {
    this.text.hidden = view !== 'text';
    this.raw?.remove();
    this.raw = null;
    if (view === 'text') return;
    const code = element('code', {});
    const raw = element('pre', {
      class: 'raw', tabindex: 0, role: 'group', 'aria-label': `${view === 'json' ? 'JSON' : 'Markdown'} of page ${this.page.page}`,
    }, code);
    this.raw = raw;
    this.columns.append(raw);
    if (view === 'markdown') {
      code.textContent = this.page.markdown ?? '';
      return;
    }
    const made = pageJson(this.page.page);
    if (made === null) {
      code.textContent = 'The JSON is made when the whole document is read.';
      return;
    }
    made.then((json) => {
      code.textContent = json === null ? 'The JSON does not have this page.' : prettyJson(json);
    }, (error) => {
      code.textContent = error.message;
    });
  }

  // A picture that is larger than its place scrolls, by keys too.
  setZoomed(zoomed) {
    if (zoomed) {
      this.scan.tabIndex = 0;
      this.scan.setAttribute('role', 'group');
      this.scan.setAttribute('aria-label', `Original of page ${this.page.page}`);
    } else {
      for (const name of ['tabindex', 'role', 'aria-label']) this.scan.removeAttribute(name);
    }
  }

  listen() {
    const regionOf = (target) => target.closest?.('[data-region]')?.dataset.region ?? null;
    for (const side of [this.canvas, this.text]) {
      side.addEventListener('pointerover', (event) => this.light(regionOf(event.target)));
      side.addEventListener('pointerleave', () => this.light(this.focused));
    }
    this.canvas.addEventListener('click', (event) => {
      const region = regionOf(event.target);
      if (region === null) return;
      const block = this.blockOf(region);
      block?.focus({ preventScroll: true });
      block?.scrollIntoView({ block: 'nearest' });
    });
    this.text.addEventListener('focusin', (event) => {
      this.focused = regionOf(event.target);
      this.light(this.focused);
    });
    this.text.addEventListener('focusout', () => {
      this.focused = null;
      this.light(null);
    });
    // One stop of the Tab key for a page; the arrows go from block to block.
    this.text.addEventListener('keydown', (event) => {
      if (!event.target.classList.contains('block')) return;
      const all = [...this.text.querySelectorAll('.block')];
      const at = all.indexOf(event.target);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
      if (to === undefined || !all[to]) return;
      event.preventDefault();
      event.target.tabIndex = -1;
      all[to].tabIndex = 0;
      all[to].focus({ preventScroll: true });
      all[to].scrollIntoView({ block: 'nearest' });
    });
  }

  focused = null;
  shaded = false;
  raw = null;
  lit = null;

  blockOf(region) {
    return this.text.querySelector(`.block[data-region="${Number(region)}"]`);
  }

  light(region) {
    if (this.lit === region) return;
    for (const made of this.root.querySelectorAll('.lit')) made.classList.remove('lit');
    this.lit = region;
    if (region === null) return;
    for (const made of this.root.querySelectorAll(`[data-region="${Number(region)}"]`)) made.classList.add('lit');
  }

  // Fetches the picture; called when the page comes near the window.
  async load() {
    if (this.loading || this.page.error) return;
    this.loading = true;
    try {
      const path = documentPath(this.documentId, `/pages/${Number(this.page.page)}/image`);
      const blob = await inTurn(() => callBlob(path, { signal: this.closed.signal }));
      if (this.closed.signal.aborted) return;
      this.picture = URL.createObjectURL(blob);
      const image = element('img', { alt: `Page ${this.page.page} as it is in the document`, src: this.picture });
      await image.decode();
      this.canvas.prepend(image);
      this.crop(image);
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.canvas.append(element('p', { class: 'no-picture' }, 'The picture of this page cannot be shown.'));
    }
  }

  // Figures are cut from the page's picture.
  crop(image) {
    const { width_px: width, height_px: height, regions } = this.page;
    const scale = image.naturalWidth / width;
    for (const host of this.text.querySelectorAll('[data-crop]')) {
      const region = regions[Number(host.dataset.crop)];
      const [x0, y0, x1, y1] = region.bbox_px;
      const w = Math.max(1, Math.round((Math.min(x1, width) - x0) * scale));
      const h = Math.max(1, Math.round((Math.min(y1, height) - y0) * scale));
      const canvas = element('canvas', { width: w, height: h, role: 'img', 'aria-label': host.textContent });
      canvas.getContext('2d').drawImage(image, x0 * scale, y0 * scale, w, h, 0, 0, w, h);
      host.replaceChildren(canvas);
    }
  }

  close() {
    this.closed.abort();
    if (this.picture) URL.revokeObjectURL(this.picture);
    this.root.remove();
  }
}
