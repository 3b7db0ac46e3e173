/** What the menus of the page contain, and the one root that shows them. */
import { Menu } from '@base-ui/react/menu'
import { useQuery } from '@tanstack/react-query'
import { Check, Copy, ExternalLink, Info, Pencil, PlugZap, Trash2 } from 'lucide-react'
import { type RefObject, useEffect, useRef, useState } from 'react'
import { Link } from 'wouter'
import { useMay } from '../api/auth'
import { healthQuery } from '../api/health'
import { type Model, modelsQuery } from '../api/models'
import { copyText } from '../lib/copy'
import { openDelete, openInfo } from '../lib/overlay'
import checkbox from '../ui/checkbox.module.css'
import styles from '../ui/floating.module.css'
import { complain, toast } from '../ui/toasts'
import { useActions } from './actions'
import { hubLink } from './facts'
import bar from './filter-bar.module.css'
import { type Group, optionsOf } from './filters'
import { closeMenu, type OpenMenu } from './open-menu'
import { toggle, useView } from './view'

/** The last menu stays while it fades. */
export default function Menus({ menu }: { menu: OpenMenu | null }) {
  const [last, setLast] = useState(menu)
  if (menu && menu !== last) setLast(menu)
  const shown = menu ?? last
  const popup = useRef<HTMLDivElement>(null)
  useExpanded(menu?.anchor)
  useFirstItem(popup, menu)
  if (!shown) return null
  return (
    <Menu.Root open={menu !== null} onOpenChange={(open) => !open && closeMenu()}>
      {/* Inside the main landmark: content outside of all landmarks is easily missed. */}
      <Menu.Portal container={shown.anchor.closest('main') ?? undefined}>
        <Menu.Positioner
          anchor={shown.anchor}
          align={shown.kind === 'filter' ? 'start' : 'end'}
          sideOffset={5}
          className={styles.positioner}
        >
          <Menu.Popup
            ref={popup}
            className={styles.menu}
            aria-label={shown.anchor.getAttribute('aria-label') ?? shown.anchor.textContent}
            finalFocus={() => mayReturnFocus(popup.current) && shown.anchor}
          >
            {shown.kind === 'model' && <ModelItems model={shown.model} />}
            {shown.kind === 'repository' && <RepositoryItems repo={shown.repo} />}
            {shown.kind === 'filter' && <FilterItems group={shown.group} />}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}

/** Whether the keyboard is at the menu, or nowhere. A menu fades: what it has opened may have the keyboard long before
 * it is gone, and keeps it. */
function mayReturnFocus(popup: HTMLElement | null): boolean {
  const { activeElement, body } = document
  return activeElement === body || (popup?.contains(activeElement) ?? false)
}

/** A subscription for each of a thousand buttons would be dear, so the menu itself marks the one that it hangs on. */
function useExpanded(anchor: HTMLElement | undefined): void {
  useEffect(() => {
    anchor?.setAttribute('aria-expanded', 'true')
    return () => anchor?.setAttribute('aria-expanded', 'false')
  }, [anchor])
}

/** Whoever came by keyboard stands on the first item; a mouse points for itself. */
function useFirstItem(popup: RefObject<HTMLElement | null>, menu: OpenMenu | null): void {
  useEffect(() => {
    if (!menu?.byKeyboard) return
    // After the menu has taken the focus itself.
    const frame = requestAnimationFrame(() =>
      popup.current?.querySelector<HTMLElement>('[role^=menuitem]')?.focus(),
    )
    return () => cancelAnimationFrame(frame)
  }, [popup, menu])
}

// An item's text stands on a line of its own: a space before it would keep typed letters from finding it.

function ModelItems({ model }: { model: Model }) {
  const actions = useActions()
  const mayChange = useMay()('admin')
  return (
    <>
      <Menu.Item className={styles.item} onClick={() => openInfo(model.id)}>
        <Info size={15} />
        Details
      </Menu.Item>
      {mayChange && (
        <Menu.LinkItem
          className={styles.item}
          closeOnClick
          render={<Link href={`/models/${model.id}/edit`} />}
        >
          <Pencil size={15} />
          Edit
        </Menu.LinkItem>
      )}
      {mayChange && model.type === 'hosted-llm' && (
        <Menu.Item className={styles.item} onClick={() => void actions.test(model)}>
          <PlugZap size={15} />
          Test connection
        </Menu.Item>
      )}
      {model.hfRepo && <RepositoryItems repo={model.hfRepo} />}
      {mayChange && (
        <>
          <Menu.Separator className={styles.separator} />
          <Menu.Item className={styles.item} data-danger onClick={() => openDelete(model.id)}>
            <Trash2 size={15} />
            Delete…
          </Menu.Item>
        </>
      )}
    </>
  )
}

function RepositoryItems({ repo }: { repo: string }) {
  const { data: health } = useQuery({ ...healthQuery, enabled: false })
  return (
    <>
      <Menu.Item className={styles.item} onClick={() => void copyId(repo)}>
        <Copy size={15} />
        Copy repository id
      </Menu.Item>
      <Menu.LinkItem
        className={styles.item}
        closeOnClick
        href={hubLink(repo, health?.hub.endpoint)}
        target="_blank"
        rel="noreferrer"
      >
        <ExternalLink size={15} />
        Open on Hugging Face
      </Menu.LinkItem>
    </>
  )
}

async function copyId(repo: string): Promise<void> {
  if (await copyText(repo)) toast(`${repo} copied`)
  else complain('The repository id could not be copied', `Your browser does not allow it. It is ${repo}`)
}

/** Stays open while it is ticked, so that several take one visit. */
function FilterItems({ group }: { group: Group }) {
  const { data: models = [] } = useQuery(modelsQuery)
  const view = useView()
  const chosen: readonly string[] = view[group]
  return optionsOf(models, view)[group].map(({ value, label }) => (
    <Menu.CheckboxItem
      key={value}
      label={label}
      checked={chosen.includes(value)}
      onCheckedChange={() => toggle(group, chosen, value)}
      className={styles.item}
    >
      <span className={checkbox.box} data-checked={chosen.includes(value) || undefined}>
        <Menu.CheckboxItemIndicator className={`${checkbox.mark} ${bar.tick}`}>
          <Check size={13} strokeWidth={3} />
        </Menu.CheckboxItemIndicator>
      </span>
      {label}
    </Menu.CheckboxItem>
  ))
}
