/** A page over the whole screen: a bar with what can be done, the form below it. Esc closes it. */
import { Dialog as Base } from '@base-ui/react/dialog'
import { X } from 'lucide-react'
import { type ComponentProps, type ReactNode, useCallback, useEffect, useRef, useState } from 'react'
import { useLocation } from 'wouter'
import { usePhone } from '../lib/media'
import { wayBack } from '../lib/way-back'
import { Button, IconButton } from '../ui/button'
import styles from './frame.module.css'
import { Leave, LeaveQuestion } from './leave'

/** What the keyboard stands on first carries this attribute. */
export const FIRST = { 'data-first': '' }

/**
 * `opener`: the selector of what opens this page. `isDirty`: leaving asks. `hasSecret`: so does closing the tab, because a secret is in no draft. `onLeave` forgets what
 * was kept.
 */
export function Frame({
  title,
  kind,
  note,
  closeWord,
  submit,
  opener,
  isDirty,
  hasSecret,
  onLeave,
  children,
}: {
  title: string
  kind?: ReactNode
  note?: string
  closeWord: 'Cancel' | 'Close'
  submit?: ReactNode
  opener: string
  isDirty: boolean
  hasSecret: boolean
  onLeave: () => void
  children: ReactNode
}) {
  const [, navigate] = useLocation()
  const [asked, setAsked] = useState<string | null>(null)
  const isPhone = usePhone()
  const page = useRef<HTMLDivElement>(null)
  useTitle(title)
  useWarning(hasSecret)
  useWayBackFor(opener)
  const go = (to: string) => {
    onLeave()
    navigate(to, { replace: true })
  }
  const leave = (to: string) => (isDirty ? setAsked(to) : go(to))
  const close = () => leave(wayBack())
  return (
    <Base.Root
      open
      modal="trap-focus"
      onOpenChange={(open, { reason }) => !open && reason === 'escape-key' && close()}
    >
      <Base.Portal>
        <Base.Popup
          ref={page}
          aria-modal="true"
          className={styles.page}
          initialFocus={() =>
            (isPhone ? page.current : page.current?.querySelector<HTMLElement>('[data-first]')) ??
            page.current
          }
          finalFocus={false}
        >
          <header className={styles.bar}>
            <IconButton label="Close" onClick={close}>
              <X size={18} />
            </IconButton>
            <Base.Title render={heading} className={styles.title}>
              {title}
            </Base.Title>
            {kind && <span className={styles.kind}>{kind}</span>}
            <span className={styles.gap} />
            {note && <span className={styles.note}>{note}</span>}
            {!isPhone && <Button onClick={close}>{closeWord}</Button>}
            {submit}
          </header>
          <Leave value={useStable(leave)}>
            <main className={styles.content}>{children}</main>
          </Leave>
          <LeaveQuestion
            open={asked !== null}
            what={whatIsLost(hasSecret)}
            onKeep={() => setAsked(null)}
            onDiscard={() => asked !== null && go(asked)}
          />
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  )
}

const heading = ({ children, ...rest }: ComponentProps<'h1'>) => <h1 {...rest}>{children}</h1>

const whatIsLost = (hasSecret: boolean): string =>
  hasSecret ? 'What you typed here, keys included, is not saved.' : 'What you typed here is not saved.'

/** When the page is left, the keyboard goes to what opens it, else to the page behind. */
function useWayBackFor(opener: string): void {
  useEffect(
    () => () => {
      // Only now the page behind is drawn anew; what it has opened itself (a drawer) keeps the keyboard.
      setTimeout(() => {
        if (document.activeElement && document.activeElement !== document.body) return
        const place = document.querySelector<HTMLElement>(opener) ?? document.getElementById('main')
        place?.focus()
      })
    },
    [opener],
  )
}

function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Weighbridge`
  }, [title])
}

/** Closing the tab loses what no draft keeps. */
function useWarning(isOn: boolean): void {
  useEffect(() => {
    if (!isOn) return
    const warn = (event: BeforeUnloadEvent) => event.preventDefault()
    addEventListener('beforeunload', warn)
    return () => removeEventListener('beforeunload', warn)
  }, [isOn])
}

/** The same function for ever, which does what the last one did. */
function useStable<Argument>(run: (argument: Argument) => void): (argument: Argument) => void {
  const last = useRef(run)
  useEffect(() => {
    last.current = run
  })
  return useCallback((argument) => last.current(argument), [])
}
