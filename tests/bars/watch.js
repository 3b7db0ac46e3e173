// Runs before the page: notes what the browser says of it.
window.bars = { lcp: 0, shift: 0, tasks: [], events: new Map(), rows: 0, seen: [] }
const on = (type, take, options = {}) =>
  new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true, ...options })
on('largest-contentful-paint', (entry) => (bars.lcp = entry.startTime))
on('layout-shift', (entry) => (bars.shift += entry.hadRecentInput ? 0 : entry.value))
on('longtask', (entry) => bars.tasks.push({ start: entry.startTime, end: entry.startTime + entry.duration }))
// One interaction is several events; the longest of them is what a person waits.
on(
  'event',
  ({ interactionId: id, duration }) =>
    id && bars.events.set(id, Math.max(duration, bars.events.get(id) ?? 0)),
  { durationThreshold: 16 },
)
new MutationObserver(() => {
  if (!bars.rows && document.querySelector('[role=row] [role=cell] button')) bars.rows = performance.now()
}).observe(document, { childList: true, subtree: true })
