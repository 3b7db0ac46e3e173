/** Words of which one is chosen, over the list that it decides: radio buttons that look like tabs. */
import { useId, useLayoutEffect, useRef, useState } from 'react'
import { Count } from './status'
import styles from './radio-tabs.module.css'

/** `label`: what is chosen. `counts` null: how many each has is not known yet. */
export function RadioTabs<Value extends string>({
  label,
  value,
  values,
  names,
  counts,
  onChange,
}: {
  label: string
  value: Value
  values: readonly Value[]
  names: Record<Value, string>
  counts: Record<Value, number> | null
  onChange: (value: Value) => void
}) {
  const name = useId()
  const list = useRef<HTMLFieldSetElement>(null)
  const line = useUnderline(list, value)
  return (
    <fieldset ref={list} className={styles.tabs}>
      <legend className="visually-hidden">{label}</legend>
      {values.map((one) => (
        <label key={one} data-value={one} className={styles.tab}>
          <input
            type="radio"
            name={name}
            className="visually-hidden"
            checked={one === value}
            onChange={() => onChange(one)}
          />
          {names[one]} {counts ? <Count value={counts[one]} /> : <span className={styles.room} />}
        </label>
      ))}
      <span
        className={styles.line}
        style={line && { transform: `translateX(${line.left}px) scaleX(${line.width})` }}
        aria-hidden="true"
      />
    </fieldset>
  )
}

type Line = { left: number; width: number }

/** Where the line stands under the chosen tab; measured anew when the tabs change their widths. */
function useUnderline(list: React.RefObject<HTMLFieldSetElement | null>, value: string): Line | undefined {
  const [line, setLine] = useState<Line>()
  useLayoutEffect(() => {
    const measure = () => {
      const tab = list.current?.querySelector<HTMLElement>(`[data-value=${value}]`)
      if (tab) setLine({ left: tab.offsetLeft, width: tab.offsetWidth })
    }
    measure()
    const observer = new ResizeObserver(measure)
    for (const tab of list.current?.querySelectorAll('label') ?? []) observer.observe(tab)
    return () => observer.disconnect()
  }, [list, value])
  return line
}
