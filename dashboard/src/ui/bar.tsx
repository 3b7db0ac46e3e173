/** The bar of a download, and its speed as a line. */
import { memo, useId } from 'react'
import { SAMPLES } from '../live/progress'
import styles from './bar.module.css'

/** A progress bar named after its model; `value` null: the total is not known, so it moves and shows no percent. */
export function Bar({
  value,
  label,
  look = 'moving',
}: {
  value: number | null
  label: string
  look?: 'moving' | 'paused' | 'quiet'
}) {
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={value === null ? undefined : Math.floor(value)}
      aria-valuetext={value === null ? 'not known yet' : undefined}
      className={styles.track}
      data-look={look}
    >
      <div
        className={value === null ? styles.slider : styles.fill}
        style={value === null ? undefined : { transform: `translateX(${Math.min(100, value) - 100}%)` }}
      />
    </div>
  )
}

const WIDTH = 196
const HEIGHT = 34

/** The last 30 s of speed. Hidden from screen readers: the speed stands beside it as text. */
export const Sparkline = memo(function Sparkline({ samples }: { samples: readonly number[] }) {
  const id = useId()
  if (samples.length < 2)
    return <svg className={styles.spark} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" />
  const top = Math.max(...samples, 1) * 1.12
  const step = WIDTH / (SAMPLES - 1)
  const from = WIDTH - (samples.length - 1) * step
  const points = samples.map(
    (value, index) =>
      `${(from + index * step).toFixed(1)},${(HEIGHT - 1 - (value / top) * (HEIGHT - 2)).toFixed(1)}`,
  )
  return (
    <svg
      className={styles.spark}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <linearGradient id={id} x1="0" y1="0" x2="0" y2="1">
        <stop offset="0" stopColor="var(--accent)" stopOpacity="0.22" />
        <stop offset="1" stopColor="var(--accent)" stopOpacity="0" />
      </linearGradient>
      <polygon
        points={`${from.toFixed(1)},${HEIGHT} ${points.join(' ')} ${WIDTH},${HEIGHT}`}
        fill={`url(#${id})`}
      />
      <polyline points={points.join(' ')} className={styles.line} />
    </svg>
  )
})
