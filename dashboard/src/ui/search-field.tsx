/** The search above a list; what it finds is the list's own business. */
import { Search, X } from 'lucide-react'
import { useRef } from 'react'
import { IconButton } from './button'
import styles from './search-field.module.css'

/** `id`: the one that the key `/` goes to. */
export function SearchField({
  id,
  value,
  placeholder,
  onChange,
}: {
  id: string
  value: string
  placeholder: string
  onChange: (value: string) => void
}) {
  const input = useRef<HTMLInputElement>(null)
  const clear = () => {
    onChange('')
    input.current?.focus()
  }
  return (
    <div className={styles.search}>
      <Search size={16} className={styles.icon} aria-hidden="true" />
      <input
        ref={input}
        id={id}
        type="search"
        className={styles.input}
        aria-label={placeholder}
        placeholder={placeholder}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        autoComplete="off"
        spellCheck={false}
      />
      {value ? (
        <IconButton label="Clear search" className={styles.clear} onClick={clear}>
          <X size={15} />
        </IconButton>
      ) : (
        <kbd className={styles.key} aria-hidden="true">
          /
        </kbd>
      )}
    </div>
  )
}
