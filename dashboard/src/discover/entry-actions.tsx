/** What can be done with a curated model: fetch it with one click; once it is registered, what any model offers. */
import { Download, LoaderCircle } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { useMay } from '../api/auth'
import { type CatalogEntry, requestCurated } from '../api/catalog'
import type { Model } from '../api/models'
import { type Room, useRoomFor } from '../create/room'
import { bytes } from '../lib/format'
import { useActions } from '../models/actions'
import { MoreButton } from '../models/menu-host'
import { RowActions, useFocusKept } from '../models/row-actions'
import rowActions from '../models/row-actions.module.css'
import { Button } from '../ui/button'
import { isToGet } from './entry-models'

type Offered = Pick<CatalogEntry, 'id' | 'name' | 'downloadBytes'>
export type Missing = Room['missing']

/** The room that is missing for a click on Download; null: there is enough, nobody knows, or nothing to click. */
export function useMissing(entry: Offered, model: Model | null): Missing {
  const { missing } = useRoomFor(entry.downloadBytes)
  const may = useMay()
  return isToGet(model) && may('operator') ? missing : null
}

/** The numbers of a lack of room, as the form of a new model tells them. */
export const missingText = ({ needed, free }: NonNullable<Missing>): string =>
  `Needs ${bytes(needed)}, ${bytes(free)} free after the queue.`

/** `isBrief`: the size stands for the word. */
export function EntryActions({
  entry,
  model,
  missing,
  isBrief = false,
  hasMenu = true,
  isMain = false,
}: {
  entry: Offered
  model: Model | null
  missing: Missing
  isBrief?: boolean
  hasMenu?: boolean
  /** It is what the place is for. */
  isMain?: boolean
}) {
  const may = useMay()
  const { box, onPress, onLeave } = useFocusKept()
  if (model && !isToGet(model))
    return (
      <div ref={box}>
        <RowActions model={model} hasMenu={hasMenu} />
      </div>
    )
  return (
    <div ref={box} className={rowActions.actions}>
      {may('operator') && (
        <GetButton
          entry={entry}
          isMain={isMain}
          isBlocked={missing !== null}
          onPress={onPress}
          onLeave={onLeave}
        >
          {isBrief && entry.downloadBytes !== null ? bytes(entry.downloadBytes) : 'Download'}
        </GetButton>
      )}
      {model && hasMenu && <MoreButton about={model.name} content={{ kind: 'model', model }} />}
    </div>
  )
}

function GetButton({
  entry,
  isMain,
  isBlocked,
  onPress,
  onLeave,
  children,
}: {
  entry: Offered
  isMain: boolean
  isBlocked: boolean
  onPress: () => void
  onLeave: () => void
  children: ReactNode
}) {
  const actions = useActions()
  const [isBusy, setBusy] = useState(false)
  const get = async () => {
    onPress()
    setBusy(true)
    await actions.get(entry.name, () => requestCurated(entry.id))
    setBusy(false)
  }
  const size = entry.downloadBytes === null ? '' : `, ${bytes(entry.downloadBytes)}`
  return (
    <Button
      look={isMain ? 'primary' : 'default'}
      size={isMain ? 'normal' : 'small'}
      icon={isBusy ? <LoaderCircle size={15} className={rowActions.busy} /> : <Download size={15} />}
      aria-label={`Download ${entry.name}${size}`}
      aria-busy={isBusy}
      disabled={isBlocked}
      onClick={() => void get()}
      onBlur={onLeave}
    >
      {children}
    </Button>
  )
}
