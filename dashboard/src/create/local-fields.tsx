/** The fields of a local model. */
import { useState } from 'react'
import { flushSync } from 'react-dom'
import { Checkbox } from '../ui/checkbox'
import { Field, Input } from '../ui/field'
import { Segmented } from '../ui/segmented'
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
import { Precisions } from './precisions'
import { PreviewCard, PreviewSkeleton } from './preview-card'
import { refusedText } from './refused'
import { RepoInput } from './repo-input'
import type { LocalValues, Place } from './schema'
import { SecretField } from './secret-field'
import { CuratedOnly, SourceNotice } from './source-notice'
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
      ) : local.isPath ? (
        <PathFields local={local} refusals={refusals} />
      ) : (
        <HubFields
          local={local}
          refusals={refusals}
          isNew={model === null}
          isLocked={isLocked}
          onSaveAndList={onSaveAndList}
        />
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
        {!local.isPath && (
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
          !local.isPath && (
            <Checkbox
              checked={values.downloadNow}
              onChange={(downloadNow) => form.setValue('downloadNow', downloadNow)}
              disabled={isLocked}
            >
              Download immediately
            </Checkbox>
          )
        )}
      </section>
    </>
  )
}

const PLACES: readonly { value: Place; label: string }[] = [
  { value: 'hub', label: 'Hugging Face' },
  { value: 'path', label: 'Folder or file on the server' },
]

/** A model that is registered does not change its place any more. */
function PlaceChoice({ form, values }: Pick<Local, 'form' | 'values'>) {
  return (
    <div>
      <Segmented
        label="Source"
        value={values.place}
        options={PLACES}
        // What the other source holds counts no more.
        onChange={(place) => form.setValue('place', place, { shouldValidate: true })}
      />
    </div>
  )
}

/** What lies on the server already. */
function PathFields({ local: { form, values, errors }, refusals }: { local: Local; refusals: Refusals }) {
  return (
    <section className={styles.section} aria-labelledby="source-title">
      <h2 id="source-title">Source</h2>
      <PlaceChoice form={form} values={values} />
      <Field
        label="Path"
        hint="An absolute path on the server, inside a folder that its operator allows"
        error={errors.path?.message ?? refusedText(refusals, 'path')}
      >
        <Input {...form.register('path')} {...FIRST} mono placeholder="/srv/models/model.gguf" />
      </Field>
    </section>
  )
}

type HubFieldsProps = {
  local: Local
  refusals: Refusals
  isNew: boolean
  isLocked: boolean
  onSaveAndList: (() => void) | null
}

function HubFields(props: HubFieldsProps) {
  const { local, refusals } = props
  const { form, values, errors, source, choice, ownId } = local
  const { preview } = source
  return (
    <>
      <Repository {...props} />
      {source.isBusy && <VariantSkeleton />}
      {preview && source.isListed && (
        <>
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
          <Precisions preview={preview} />
        </>
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

/** Which one, what it is, and what stands in the way. */
function Repository({ local, refusals, isNew, isLocked, onSaveAndList }: HubFieldsProps) {
  const { form, values, source, tokenOf, setLeft } = local
  const { preview } = source
  // What is found says more than what is wrong with what is not finished.
  const [isSuggesting, setSuggesting] = useState(false)
  const wrong = isSuggesting ? null : source.wrong
  const askForToken = () => {
    // Its input may come into the page only by this.
    flushSync(() => form.setValue('hfTokenChange', 'typed', { shouldValidate: true }))
    form.setFocus('hfToken')
  }
  return (
    <section className={styles.section} aria-labelledby="source-title">
      <h2 id="source-title">Source</h2>
      {isNew && <PlaceChoice form={form} values={values} />}
      {isNew && !isLocked && <CuratedOnly />}
      <Field
        label="Repository"
        hint="owner/name, a huggingface.co link, or a direct file link"
        error={wrong ?? refusedText(refusals, 'repository')}
      >
        <RepoInput
          {...form.register('repository', {
            onBlur: () => setLeft(true),
            onChange: () => setLeft(false),
          })}
          {...FIRST}
          onKeyDown={(event) => event.key === 'Enter' && setLeft(true)}
          text={values.repository}
          isFound={preview !== null}
          onPick={(repo) => {
            form.setValue('repository', repo, { shouldDirty: true, shouldValidate: true })
            setLeft(true)
          }}
          onSuggesting={setSuggesting}
        />
      </Field>
      {preview && <PreviewCard preview={preview} />}
      {source.isBusy && <PreviewSkeleton />}
      {!isLocked && !isSuggesting && (
        <SourceNotice
          source={source}
          modelId={tokenOf}
          hasTypedToken={values.hfToken !== ''}
          onToken={askForToken}
          onSaveAndList={onSaveAndList}
        />
      )}
    </section>
  )
}
