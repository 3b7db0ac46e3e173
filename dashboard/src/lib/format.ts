/** Numbers and times as people read them. Sizes are decimal, as the Hub's are: 1 GB = 1,000,000,000 bytes. */

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB']

/** `9.0 GB`, `381 MB`, `1 byte`: three digits at most, one decimal below 100 from GB on. */
export function bytes(size: number): string {
  if (size === 1) return '1 byte'
  if (size < 0) return `−${bytes(-size)}`
  let unit = 0
  let value = size
  // 999.5 would print as 1000 of the smaller unit.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit >= 3 && value < 99.95 ? 1 : unit > 0 && value < 9.95 ? 1 : 0
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

/** Bytes that have arrived, with one digit more than `bytes`, so that a slow one is seen to move: `3.91 GB`. */
export function arrived(size: number): string {
  if (size < 999.5e6) return bytes(size)
  const value = size / 1e9
  return value >= 999.5 ? bytes(size) : `${value.toPrecision(3)} GB`
}

/** `86.4 MB/s`. */
export function speed(bytesPerSecond: number): string {
  if (bytesPerSecond > 0 && bytesPerSecond < 999.5) return `${bytes(Math.ceil(bytesPerSecond))}/s`
  if (bytesPerSecond < 999_500) return `${Math.round(bytesPerSecond / 1000)} kB/s`
  if (bytesPerSecond < 999.95e6) return `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`
  return `${(bytesPerSecond / 1e9).toFixed(2)} GB/s`
}

/** Whole percents, never 100 before the end. */
export function percent(value: number): string {
  return `${value >= 100 ? 100 : Math.min(99, Math.floor(value))}%`
}

/** `59 s`, `5 min 42 s`, `3 h 10 min`, `2 days`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return joined(Math.floor(whole / 60), 'min', whole % 60, 's')
  if (whole < 86_400) return joined(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'min')
  return joined(
    Math.floor(whole / 86_400),
    whole < 172_800 ? 'day' : 'days',
    Math.floor((whole % 86_400) / 3600),
    'h',
  )
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small ? `${large} ${largeUnit} ${small} ${smallUnit}` : `${large} ${largeUnit}`
}

/** `just now`, `12 s ago`, `1 h ago`, `3 days ago`. */
export function ago(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000)
  if (seconds < 5) return 'just now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`
  const days = Math.floor(seconds / 86_400)
  return days === 1 ? '1 day ago' : `${days} days ago`
}

/** `21 Nov 2026, 09:14`, in the reader's own time zone. */
export function dateTime(instant: string): string {
  return new Date(instant).toLocaleString('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  })
}

/** `1,310`. */
export function count(value: number): string {
  return value.toLocaleString('en-GB')
}

/** `412k`, `1.3M`. */
export function shortCount(value: number): string {
  if (value < 1000) return String(value)
  if (value < 999_500) return `${twoDigits(value / 1000)}k`
  return `${twoDigits(value / 1e6)}M`
}

/** Tokens of a context: `128k` for 131,072, as models are spoken of. */
export function tokens(value: number): string {
  return value % 1024 ? shortCount(value) : `${count(value / 1024)}k`
}

/** `1`, `1.3`, `12`. */
function twoDigits(value: number): string {
  return String(value < 9.95 ? Number(value.toFixed(1)) : Math.round(value))
}

/** Parameters of a model: `596M`, `0.6B` where the number is that round, `14.8B`, `70B`, `1.1T`. */
export function parameters(value: number): string {
  if (value < 995e6 && value % 1e8) return `${Math.round(value / 1e6)}M`
  if (value < 999.5e9) return `${Number((value / 1e9).toFixed(1))}B`
  return `${Number((value / 1e12).toFixed(1))}T`
}

/** `1st`, `2nd`, `3rd`, `11th`. */
export function ordinal(value: number): string {
  const tens = value % 100
  const suffix = tens >= 11 && tens <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][value % 10] ?? 'th')
  return `${value}${suffix}`
}

/** A long file name cut in the middle, so that its end, which names the quantization, stays. */
export function middle(text: string, most: number): string {
  if (text.length <= most) return text
  const end = Math.ceil((most - 1) * 0.45)
  return `${text.slice(0, most - 1 - end)}…${text.slice(-end)}`
}

/** `1 model`, `2 models`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}
