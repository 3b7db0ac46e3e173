/** An input that suggests: the list stands below it, and the keyboard stays in the input (ARIA's combobox pattern). */
import {
  type ComponentProps,
  type FocusEvent,
  type FormEvent,
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useId,
  useState,
} from 'react'
import styles from './combobox.module.css'
import { Input } from './field'

type InputProps = ComponentProps<typeof Input>

/**
 * `isOpen`: whether suggestions are wanted; `render` draws one. `note` stands below them, or alone where there are
 * none. What else is given goes to the input.
 */
export function Combobox<Option extends { key: string }>({
  options,
  listLabel,
  note,
  isOpen,
  isBusy = false,
  onOpenChange,
  onPick,
  render,
  onKeyDown,
  onInput,
  onBlur,
  ...input
}: Omit<InputProps, 'list'> & {
  options: readonly Option[]
  listLabel: string
  note?: ReactNode
  isOpen: boolean
  isBusy?: boolean
  onOpenChange: (isOpen: boolean) => void
  onPick: (option: Option) => void
  render: (option: Option) => ReactNode
}) {
  const id = useId()
  const isListed = isOpen && options.length > 0
  const [active, setActive] = useActive(options, isListed)
  useEffect(() => {
    if (active !== null) document.getElementById(`${id}-${active}`)?.scrollIntoView?.({ block: 'nearest' })
  }, [id, active])
  const pick = (option: Option) => {
    onOpenChange(false)
    onPick(option)
  }
  const press = (event: KeyboardEvent<HTMLInputElement>) => {
    const chosen = active === null ? undefined : options[active]
    if (event.nativeEvent.isComposing) return
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      if (isListed) setActive(next(active, options.length, event.key === 'ArrowDown' ? 1 : -1))
      else onOpenChange(true)
    } else if (event.key === 'Enter' && isListed && chosen) {
      event.preventDefault()
      pick(chosen)
    } else if (event.key === 'Escape' && isOpen && (isListed || note)) {
      // It closes the list and not the page.
      event.preventDefault()
      event.stopPropagation()
      onOpenChange(false)
    } else onKeyDown?.(event)
  }
  return (
    <div className={styles.place}>
      <Input
        {...input}
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={isListed}
        aria-controls={isListed ? `${id}-list` : undefined}
        aria-activedescendant={isListed && active !== null ? `${id}-${active}` : undefined}
        onKeyDown={press}
        onInput={(event: FormEvent<HTMLInputElement>) => {
          onOpenChange(true)
          onInput?.(event as Parameters<NonNullable<typeof onInput>>[0])
        }}
        onBlur={(event: FocusEvent<HTMLInputElement>) => {
          onOpenChange(false)
          onBlur?.(event)
        }}
      />
      {isOpen && (isListed || note) && (
        // A press on it leaves the keyboard where it is.
        // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
        <div className={styles.popup} onMouseDown={(event) => event.preventDefault()}>
          {isListed && (
            <div
              id={`${id}-list`}
              role="listbox"
              aria-label={listLabel}
              aria-busy={isBusy}
              className={styles.list}
            >
              {options.map((option, index) => (
                // The input hears the keyboard for it.
                // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
                <div
                  key={option.key}
                  id={`${id}-${index}`}
                  role="option"
                  aria-selected={index === active}
                  className={styles.option}
                  onMouseMove={() => index !== active && setActive(index)}
                  onClick={() => pick(option)}
                >
                  {render(option)}
                </div>
              ))}
            </div>
          )}
          {note && <div className={styles.note}>{note}</div>}
        </div>
      )}
    </div>
  )
}

/** The option that the keyboard stands on; other options, or none to see, and it stands on none. */
function useActive(options: readonly unknown[], isListed: boolean) {
  const [at, setAt] = useState<{ options: readonly unknown[]; index: number | null }>({
    options,
    index: null,
  })
  if ((at.options !== options || !isListed) && at.index !== null) setAt({ options, index: null })
  return [
    at.options === options ? at.index : null,
    (index: number | null) => setAt({ options, index }),
  ] as const
}

/** Around in a circle that leads over the input itself (null). */
function next(active: number | null, count: number, step: 1 | -1): number | null {
  if (active === null) return step === 1 ? 0 : count - 1
  const to = active + step
  return to < 0 || to >= count ? null : to
}
