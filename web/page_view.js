// One page: its picture with the regions drawn over it, and beside it what was read in them.
import { callBlob, documentPath } from './api.js';
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

export const percent = (share) => `${Math.round(share * 100)} %`;

// How strongly to shade: nothing from 0.99 on, everything at 0.6.
const doubt = (confidence) => Math.min(1, Math.max(0, (0.99 - confidence) / 0.39)) ** 0.7;

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
      this.root.append(element('p', { class: 'page-error' }, `This page could not be read: ${message}`));
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
    this.root.append(element('div', { class: 'columns' }, this.scan, this.text));
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
    if (PICTURES.has(region.label) && !content) {
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
