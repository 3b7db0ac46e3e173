/** One tooltip for the whole page: a root for each row would be dear. */
import { Tooltip } from '@base-ui/react/tooltip'
import { type ReactElement, type ReactNode } from 'react'
import styles from './floating.module.css'

const handle = Tooltip.createHandle<ReactNode>()

/** Milliseconds of resting on something before it explains itself. */
const DELAY = 350

/** Something that explains itself when pointed at; the text must not be the only place that says it. */
export function Tip({
  text,
  render,
  className,
  children,
}: {
  text: ReactNode
  render?: ReactElement<Record<string, unknown>>
  className?: string
  children?: ReactNode
}) {
  return (
    <Tooltip.Trigger handle={handle} payload={text} delay={DELAY} render={render} className={className}>
      {children}
    </Tooltip.Trigger>
  )
}

/** Text that may be cut off; the tooltip has all of it. */
export function Cut({ text, shown = text, className }: { text: string; shown?: string; className?: string }) {
  return (
    <Tip text={text} render={<span />} className={`${styles.cut} ${className ?? ''}`}>
      {shown}
    </Tip>
  )
}

/** How much of a file name's end always stays: `-Q4_K_M.gguf` and a little more. */
const END = 14

/** A file name, cut in the middle where it has no room, so that its end, which names the quantization, stays. */
export function CutMiddle({ text, className }: { text: string; className?: string }) {
  if (text.length <= END) return <Cut text={text} className={className} />
  return (
    <Tip text={text} render={<span />} className={`${styles.cutMiddle} ${className ?? ''}`}>
      <span className={styles.cut}>{text.slice(0, -END)}</span>
      <span>{text.slice(-END)}</span>
    </Tip>
  )
}

/** Where every tooltip of the page appears; mounted once. */
export function Tooltips() {
  return (
    <Tooltip.Root handle={handle}>
      {({ payload }) => (
        <Tooltip.Portal>
          <Tooltip.Positioner sideOffset={6} className={styles.positioner}>
            <Tooltip.Popup className={styles.tooltip}>{payload as ReactNode}</Tooltip.Popup>
          </Tooltip.Positioner>
        </Tooltip.Portal>
      )}
    </Tooltip.Root>
  )
}
