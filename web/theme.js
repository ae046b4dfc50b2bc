// Before the first paint, so that a dark page never flashes white. A classic script: modules run too late.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem('glm-ocr-theme');
  } catch {
    // Storage may be forbidden; the system's theme holds then.
  }
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
})();
