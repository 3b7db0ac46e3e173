/** Which file, where no list of them can be had. */
import type { ReactNode } from 'react'
import type { UseFormRegisterReturn } from 'react-hook-form'
import { Field, Input } from '../ui/field'
import styles from './form.module.css'

export function FileByName({
  registration,
  error,
}: {
  registration: UseFormRegisterReturn
  error: ReactNode
}) {
  return (
    <section className={styles.section} aria-labelledby="file-title">
      <h2 id="file-title">File</h2>
      <Field
        label="File name"
        optional
        hint="With its folder, if it has one. Empty: the whole repository"
        error={error}
      >
        <Input {...registration} mono placeholder="model-Q4_K_M.gguf" />
      </Field>
    </section>
  )
}
