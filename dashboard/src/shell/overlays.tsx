/** What any page may open above itself, one at a time; the address says which. */
import { Suspense, useState } from 'react'
import { lazily } from '../lib/lazily'
import { closeOverlay, type Overlay, useOverlay } from '../lib/overlay'

const QueueDrawer = lazily(() => import('../queue/queue-drawer'))
const InfoDrawer = lazily(() => import('../info/info-drawer'))
const DeleteDialog = lazily(() => import('../delete/delete-dialog'))
const EntryDrawer = lazily(() => import('../discover/entry-drawer'))
const KeyList = lazily(() => import('./keys'))

type Open = NonNullable<Overlay>
type Layers = { now: string; list: readonly { key: number; overlay: Open }[] }

/** The last of each kind stays, closed, so that it can move out while another comes in. */
export function Overlays() {
  const overlay = useOverlay()
  const now = nameOf(overlay)
  const [layers, setLayers] = useState<Layers>({ now: '', list: [] })
  if (layers.now !== now) setLayers({ now, list: overlay ? withTop(layers.list, overlay) : layers.list })
  return layers.list.map((layer) => (
    // Each waits for its own chunk alone: one that moves out is not hidden until the next is there.
    <Suspense key={layer.key} fallback={null}>
      <Layer overlay={layer.overlay} open={nameOf(layer.overlay) === now} />
    </Suspense>
  ))
}

function Layer({ overlay, open }: { overlay: Open; open: boolean }) {
  switch (overlay.kind) {
    case 'queue':
      return <QueueDrawer open={open} onClose={closeOverlay} />
    case 'info':
      return <InfoDrawer id={overlay.id} open={open} onClose={closeOverlay} />
    case 'delete':
      return <DeleteDialog id={overlay.id} open={open} onClose={closeOverlay} />
    case 'entry':
      return <EntryDrawer id={overlay.id} open={open} onClose={closeOverlay} />
    case 'keys':
      return <KeyList open={open} onClose={closeOverlay} />
  }
}

/** A new key for each opening: nothing of the last time (a refusal, a tick taken away) is still there. */
function withTop(list: Layers['list'], overlay: Open): Layers['list'] {
  const key = Math.max(0, ...list.map((layer) => layer.key)) + 1
  return [...list.filter((layer) => layer.overlay.kind !== overlay.kind), { key, overlay }]
}

const nameOf = (overlay: Overlay): string =>
  overlay ? `${overlay.kind} ${'id' in overlay ? overlay.id : ''}` : ''
