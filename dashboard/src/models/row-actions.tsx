/** What can be done with a model: the one action of its state, and the menu. */
import { Download, LoaderCircle, PlugZap, RotateCcw, X } from 'lucide-react'
import { memo, useEffect, useRef, useState } from 'react'
import type { Model } from '../api/models'
import { Button, IconButton } from '../ui/button'
import { ACTION_WORDS, type ActionName, useActions, useMainAction } from './actions'
import styles from './row-actions.module.css'
import { MoreButton } from './menu-host'

export const RowActions = memo(function RowActions({
  model,
  hasMenu = true,
}: {
  model: Model
  hasMenu?: boolean
}) {
  const name = useMainAction(model)
  const { box, onPress, onLeave } = useFocusKept()
  return (
    <div ref={box} className={styles.actions}>
      {name && <MainAction key={name} name={name} model={model} onPress={onPress} onLeave={onLeave} />}
      {hasMenu && <MoreButton about={model.name} content={{ kind: 'model', model }} />}
    </div>
  )
})

/** A click may take its own button away (Retry becomes Cancel): the keyboard then stands on the next one. */
export function useFocusKept() {
  const box = useRef<HTMLDivElement>(null)
  const wasPressed = useRef(false)
  useEffect(() => {
    if (!wasPressed.current || document.activeElement !== document.body) return
    wasPressed.current = false
    box.current?.querySelector('button')?.focus()
  })
  return {
    box,
    onPress: () => {
      wasPressed.current = true
    },
    // Whoever goes elsewhere is not called back; a button that is taken away tells of no blur.
    onLeave: () => {
      wasPressed.current = false
    },
  }
}

const ICONS = {
  download: Download,
  resume: RotateCcw,
  retry: RotateCcw,
  repair: RotateCcw,
  cancel: X,
  test: PlugZap,
}

const goingOn = ({ activeOperation }: Model): string => {
  if (activeOperation?.operation === 'update') return 'update'
  return activeOperation?.operation === 'verify' ? 'verification' : 'download'
}

function MainAction({
  name,
  model,
  onPress,
  onLeave,
}: {
  name: ActionName
  model: Model
  onPress: () => void
  onLeave: () => void
}) {
  const actions = useActions()
  const [isBusy, setBusy] = useState(false)
  const run = async () => {
    onPress()
    setBusy(true)
    await actions.run(name, model)
    setBusy(false)
  }
  const Icon = isBusy ? LoaderCircle : ICONS[name]
  const icon = <Icon size={name === 'cancel' ? 16 : 15} className={isBusy ? styles.busy : undefined} />
  const given = { onClick: () => void run(), onBlur: onLeave, 'aria-busy': isBusy }
  if (name === 'cancel' || name === 'test')
    return (
      <IconButton
        label={
          name === 'cancel' ? `Cancel ${goingOn(model)} of ${model.name}` : `Test connection of ${model.name}`
        }
        tip={ACTION_WORDS[name]}
        {...given}
      >
        {icon}
      </IconButton>
    )
  return (
    <Button size="small" icon={icon} aria-label={`${ACTION_WORDS[name]} ${model.name}`} {...given}>
      {ACTION_WORDS[name]}
    </Button>
  )
}
