/** Short words about what happened in the background; what failed stays inline, where it happened. */
import { Toast } from '@base-ui/react/toast'
import { X } from 'lucide-react'
import { IconButton } from './button'
import styles from './toasts.module.css'

const manager = Toast.createToastManager()

/** Say that something has worked; `undo` offers the way back. */
export function toast(title: string, undo?: { label: string; run: () => void }): void {
  const id = manager.add({
    title,
    timeout: 6000,
    actionProps: undo && {
      children: undo.label,
      onClick: () => {
        undo.run()
        manager.close(id)
      },
    },
  })
}

/** Say that a click could not be done, where no place on the page could show it. */
export function complain(title: string, description: string): void {
  manager.add({ title, description, type: 'bad', priority: 'high', timeout: 12_000 })
}

/** Where they appear; mounted once. */
export function Toasts() {
  return (
    <Toast.Provider toastManager={manager} limit={3}>
      <Toast.Portal>
        <Toast.Viewport className={styles.viewport}>
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  )
}

function List() {
  const { toasts } = Toast.useToastManager()
  return toasts.map((one) => (
    <Toast.Root key={one.id} toast={one} className={styles.toast}>
      <Toast.Content className={styles.content}>
        <div className={styles.words}>
          <Toast.Title className={styles.title} />
          <Toast.Description className={styles.description} />
        </div>
        <Toast.Action className={styles.action} />
        <Toast.Close render={<IconButton label="Dismiss" />}>
          <X size={15} />
        </Toast.Close>
      </Toast.Content>
    </Toast.Root>
  ))
}
