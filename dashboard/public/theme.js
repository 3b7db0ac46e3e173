// Before the first paint, so that a chosen theme never flashes; a file of its own, as the policy forbids inline scripts.
try {
  const theme = localStorage.getItem('weighbridge-theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage may be forbidden: then the system's theme stands.
}
