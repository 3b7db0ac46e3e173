/** A token, this once, and the way onto the clipboard. */
import { Check, Copy } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { copyText } from '../lib/copy'
import { Button } from '../ui/button'
import { Notice } from '../ui/status'
import styles from './settings.module.css'

export function ShownToken({ token }: { token: string }) {
  const [state, setState] = useState<'idle' | 'copied' | 'refused'>('idle')
  const copy = useRef<HTMLButtonElement>(null)
  // The button that made it is gone; the next thing to do is to copy.
  useEffect(() => copy.current?.focus(), [])
  return (
    <div className={styles.form}>
      <div className={styles.secret}>
        <code>{token}</code>
        <Button
          ref={copy}
          size="small"
          aria-label="Copy the token"
          icon={state === 'copied' ? <Check size={14} /> : <Copy size={14} />}
          onClick={() => void copyText(token).then((isCopied) => setState(isCopied ? 'copied' : 'refused'))}
        >
          Copy
        </Button>
      </div>
      <div role="status" className={styles.hint}>
        {state === 'copied' && 'Copied.'}
        {state === 'refused' && 'The browser does not allow it. Select the token and copy it by hand.'}
      </div>
      <Notice tone="warn">
        Whoever has it may do what its role may: keep it where passwords are kept. Nobody can show it again;
        if it is lost, revoke it and make another.
      </Notice>
    </div>
  )
}
