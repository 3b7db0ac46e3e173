/** What is done with a user less often. */
import { Menu } from '@base-ui/react/menu'
import { Ellipsis, KeyRound, Lock, LockOpen, Trash2 } from 'lucide-react'
import type { User } from '../api/users'
import { IconButton } from '../ui/button'
import styles from '../ui/floating.module.css'

export function UserMenu({
  user,
  onPassword,
  onLock,
  onDelete,
}: {
  user: User
  onPassword: () => void
  onLock: (isActive: boolean) => void
  onDelete: () => void
}) {
  return (
    <Menu.Root>
      <Menu.Trigger render={<IconButton label={`More about ${user.name}`} tip="More" />}>
        <Ellipsis size={16} />
      </Menu.Trigger>
      {/* Inside the main landmark: content outside of all landmarks is easily missed. */}
      <Menu.Portal container={document.getElementById('main') ?? undefined}>
        <Menu.Positioner align="end" sideOffset={5} className={styles.positioner}>
          <Menu.Popup className={styles.menu}>
            <Menu.Item className={styles.item} onClick={onPassword}>
              <KeyRound size={15} />
              Set password…
            </Menu.Item>
            <Menu.Item className={styles.item} onClick={() => onLock(!user.isActive)}>
              {user.isActive ? <Lock size={15} /> : <LockOpen size={15} />}
              {user.isActive ? 'Lock' : 'Unlock'}
            </Menu.Item>
            <Menu.Separator className={styles.separator} />
            <Menu.Item className={styles.item} data-danger onClick={onDelete}>
              <Trash2 size={15} />
              Delete…
            </Menu.Item>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}
