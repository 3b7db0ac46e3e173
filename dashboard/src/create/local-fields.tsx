/** The fields of a local model. */
import { Checkbox } from '../ui/checkbox'
import { Field, Input } from '../ui/field'
import { Switch } from '../ui/switch'
import type { Model } from '../api/models'
import { Advanced } from './advanced'
import type { Refusals } from './bodies'
import { isNameable } from './choice'
import { FileByName } from './file-by-name'
import { FixedSource } from './fixed-source'
import styles from './form.module.css'
import { FIRST } from './frame'
import type { Local } from './local'
import { KindField, NameField } from './name-kind'
import { PreviewCard, PreviewSkeleton } from './preview-card'
import { refusedText } from './refused'
import type { LocalValues } from './schema'
import { SecretField } from './secret-field'
import { SourceNotice } from './source-notice'
import { VariantSkeleton, Variants } from './variants'

/** `model`: the one that is edited; `fixed`: why its repository and file can't change now. */
export function LocalFields({
  local,
  refusals,
  model,
  fixed,
  isLocked,
  onSaveAndList,
}: {
  local: Local
  refusals: Refusals
  model: Model | null
  fixed: string | null
  isLocked: boolean
  /** Save the token, then ask for the files with it; null: there is nothing to save for that. */
  onSaveAndList: (() => void) | null
}) {
  const { form, values, errors } = local
  const errorOf = (field: keyof LocalValues) => errors[field]?.message ?? refusedText(refusals, field)
  return (
    <>
      {model && fixed !== null ? (
        <FixedSource model={model} why={fixed} />
      ) : (
        <SourceFields local={local} refusals={refusals} isLocked={isLocked} onSaveAndList={onSaveAndList} />
      )}
      <section className={styles.section} aria-labelledby="details-title">
        <h2 id="details-title">Details</h2>
        <div className={styles.two}>
          <NameField
            registration={form.register('name', { onChange: () => form.setValue('isNamed', true) })}
            error={errorOf('name')}
            isFirst={fixed !== null}
          />
          <KindField
            registration={form.register('category', { onChange: () => form.setValue('isKindChosen', true) })}
            value={values.category}
            error={errorOf('category')}
          />
        </div>
        {model?.source !== 'path' && (
          <SecretField
            label="Hugging Face token"
            word="token"
            placeholder="hf_…"
            optional
            error={errorOf('hfToken')}
            isStored={model?.hasHfToken ?? false}
            change={values.hfTokenChange}
            onChange={(change) => {
              form.setValue('hfToken', '')
              form.setValue('hfTokenChange', change, { shouldValidate: true })
            }}
            registration={form.register('hfToken')}
          />
        )}
        {model ? (
          <Switch
            checked={values.isActive}
            onChange={(isActive) => form.setValue('isActive', isActive)}
            hint="Services may use it"
          >
            Active
          </Switch>
        ) : (
          <Checkbox
            checked={values.downloadNow}
            onChange={(downloadNow) => form.setValue('downloadNow', downloadNow)}
            disabled={isLocked}
          >
            Download immediately
          </Checkbox>
        )}
      </section>
    </>
  )
}

function SourceFields({
  local,
  refusals,
  isLocked,
  onSaveAndList,
}: {
  local: Local
  refusals: Refusals
  isLocked: boolean
  onSaveAndList: (() => void) | null
}) {
  const { form, values, errors, source, choice, ownId, setLeft } = local
  const { preview } = source
  return (
    <>
      <section className={styles.section} aria-labelledby="source-title">
        <h2 id="source-title">Source</h2>
        <Field
          label="Repository"
          hint="owner/name, a huggingface.co link, or a direct file link"
          error={source.wrong ?? refusedText(refusals, 'repository')}
        >
          <Input
            {...form.register('repository', {
              onBlur: () => setLeft(true),
              onChange: () => setLeft(false),
            })}
            {...FIRST}
            onKeyDown={(event) => event.key === 'Enter' && setLeft(true)}
            mono
            inputMode="url"
            placeholder="owner/name"
          />
        </Field>
        {preview && <PreviewCard preview={preview} />}
        {source.isBusy && <PreviewSkeleton />}
        {!isLocked && (
          <SourceNotice
            source={source}
            hasStoredToken={values.hfTokenChange === 'kept'}
            hasTypedToken={values.hfToken !== ''}
            onSaveAndList={onSaveAndList}
          />
        )}
      </section>
      {source.isBusy && <VariantSkeleton />}
      {preview && source.isListed && (
        <Variants
          preview={preview}
          listKey={source.key}
          chosen={values.fileOf === source.key ? values.file : undefined}
          ownId={ownId}
          error={refusedText(refusals, 'file')}
          onChoose={(file) => {
            form.setValue('file', file)
            form.setValue('fileOf', source.key)
          }}
        />
      )}
      {source.ref && !source.isBusy && !source.isListed && isNameable(source, values) && (
        <FileByName
          registration={form.register('typedFile')}
          error={errors.typedFile?.message ?? refusedText(refusals, 'file')}
        />
      )}
      <Advanced local={local} refusals={refusals} isWhole={choice.isMade && choice.file === null} />
    </>
  )
}
