/** One of several: a native radio in our clothes; the arrows move within its `name`. */
import type { ComponentProps } from 'react'
import styles from './radio.module.css'

export function Radio(props: Omit<ComponentProps<'input'>, 'type' | 'className'>) {
  return <input type="radio" {...props} className={styles.radio} />
}
