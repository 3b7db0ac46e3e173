/** A long text, shown short, that a button copies whole. */
import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { announce } from '../live/announcer'
import { copyText } from '../lib/copy'
import { IconButton } from '../ui/button'
import { CutMiddle, Tip } from '../ui/tooltip'
import styles from './info.module.css'

/** Milliseconds for which the button says that it has copied. */
const SAID_FOR = 2000

/** `shown`: what stands for the text; without it the text itself, cut in the middle. */
export function Copyable({ text, shown, what }: { text: string; shown?: string; what: string }) {
  const [state, setState] = useState<'idle' | 'copied' | 'refused'>('idle')
  useEffect(() => {
    if (state === 'idle') return
    const timer = setTimeout(() => setState('idle'), SAID_FOR)
    return () => clearTimeout(timer)
  }, [state])
  const copy = async () => {
    const isCopied = await copyText(text)
    announce(isCopied ? `${what} copied` : `${what} could not be copied`)
    setState(isCopied ? 'copied' : 'refused')
  }
  return (
    <span className={styles.copyable}>
      {shown ? (
        <Tip text={text} render={<span />}>
          {shown}
        </Tip>
      ) : (
        <CutMiddle text={text} />
      )}
      <IconButton
        label={`Copy ${what}`}
        tip={state === 'refused' ? 'The browser refused to copy' : 'Copy'}
        className={styles.copy}
        data-state={state}
        onClick={() => void copy()}
      >
        {state === 'copied' ? <Check size={14} /> : <Copy size={14} />}
      </IconButton>
    </span>
  )
}
