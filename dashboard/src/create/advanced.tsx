/** What few need: another revision, and which files of a whole repository. */
import { ChevronRight } from 'lucide-react'
import { useState } from 'react'
import { Field, Input, TextArea } from '../ui/field'
import type { Refusals } from './bodies'
import styles from './form.module.css'
import type { Local } from './local'
import { refusedText } from './refused'

/** Folded until somebody wants it, or until something in it is wrong. */
export function Advanced({
  local: { form, values, errors, source },
  refusals,
  isWhole,
}: {
  local: Local
  refusals: Refusals
  isWhole: boolean
}) {
  const [isOpen, setOpen] = useState(Boolean(values.allowPatterns || values.ignorePatterns))
  const noRevision =
    source.problem?.code === 'REVISION_NOT_FOUND' ? 'The repository has no such revision.' : undefined
  const revision = errors.revision?.message ?? noRevision ?? refusedText(refusals, 'revision')
  const allow = errors.allowPatterns?.message ?? refusedText(refusals, 'allowPatterns')
  const ignore = errors.ignorePatterns?.message ?? refusedText(refusals, 'ignorePatterns')
  const isShown = isOpen || Boolean(revision ?? allow ?? ignore)
  return (
    <details
      className={styles.advanced}
      open={isShown}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <ChevronRight size={15} aria-hidden="true" />
        Advanced
      </summary>
      <div className={styles.fields}>
        <Field label="Revision" optional hint="A branch, tag or commit; empty: main" error={revision}>
          <Input {...form.register('revision')} mono placeholder={source.ref?.revision ?? 'main'} />
        </Field>
        {isWhole && (
          <div className={styles.two}>
            <Field label="Only these files" optional hint="One pattern a line" error={allow}>
              <TextArea {...form.register('allowPatterns')} placeholder="*.safetensors" />
            </Field>
            <Field label="Not these files" optional hint="One pattern a line" error={ignore}>
              <TextArea {...form.register('ignorePatterns')} placeholder="onnx/*" />
            </Field>
          </div>
        )}
      </div>
    </details>
  )
}
