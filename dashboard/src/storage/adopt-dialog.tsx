/** Making a model of what lies in the cache already: nothing is fetched, its bytes are checked. */
import { useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { adoptRepo, cacheKey, type CachedRepo } from '../api/cache'
import { type Model, putModel } from '../api/models'
import { storageKey } from '../api/storage'
import { openInfo } from '../lib/overlay'
import { CATEGORY_NAMES } from '../models/facts'
import { useAsking } from '../settings/asking'
import { Form, FormButtons } from '../settings/form'
import { Dialog } from '../ui/dialog'
import { Field, Input } from '../ui/field'
import { Select } from '../ui/select'
import { toast } from '../ui/toasts'

type Category = NonNullable<Model['category']>

const KINDS = [
  { value: '', label: 'Not said' },
  ...Object.entries(CATEGORY_NAMES).map(([value, label]) => ({ value, label })),
]

/** What the API's refusals are about. */
const FIELD_OF = { MODEL_ALREADY_EXISTS: 'name', NAME_TAKEN: 'name', FILE_NOT_FOUND: 'filename' }

export function AdoptDialog({
  repo,
  open,
  onClose,
}: {
  repo: CachedRepo
  open: boolean
  onClose: () => void
}) {
  const form = useId()
  const queries = useQueryClient()
  const asking = useAsking(FIELD_OF)
  const [name, setName] = useState(() => repo.repo.split('/').at(-1) ?? repo.repo)
  const [category, setCategory] = useState('')
  const [filename, setFilename] = useState('')
  const revisions = repo.revisions.map(wordOf)
  const [revision, setRevision] = useState(() => revisions.find((one) => one === 'main') ?? revisions[0])
  const close = () => !asking.isBusy && onClose()
  const add = () =>
    asking.ask(async () => {
      const model = await adoptRepo({
        repo: repo.repo,
        volume: repo.volume,
        name: name.trim(),
        ...(revision && { revision }),
        ...(filename.trim() && { filename: filename.trim() }),
        ...(category && { category: category as Category }),
      })
      putModel(queries, model)
      for (const queryKey of [cacheKey, storageKey]) void queries.invalidateQueries({ queryKey })
      toast(`${model.name} is in the register, its files are checked now`, {
        label: 'Details',
        run: () => openInfo(model.id),
      })
      onClose()
    })
  return (
    <Dialog
      open={open}
      onClose={close}
      title="Add to the register"
      description={`${repo.repo} becomes a model. Its files are here already: they are checked, and nothing is fetched.`}
      actions={
        <FormButtons form={form} asking={asking} words="Add model" busyWords="Adding…" onCancel={close} />
      }
    >
      <Form id={form} asking={asking} onSubmit={add}>
        <Field label="Name" error={asking.wrong.name}>
          <Input required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
        </Field>
        <Field label="Kind" error={asking.wrong.category}>
          <Select options={KINDS} value={category} onChange={(event) => setCategory(event.target.value)} />
        </Field>
        {revisions.length > 1 && (
          <Field label="Revision" error={asking.wrong.revision}>
            <Select
              options={revisions.map((value) => ({ value, label: value }))}
              value={revision}
              onChange={(event) => setRevision(event.target.value)}
            />
          </Field>
        )}
        <Field
          label="File"
          optional
          hint="Of several variants the one that is meant. Empty: the whole repository."
          error={asking.wrong.filename}
        >
          <Input mono value={filename} onChange={(event) => setFilename(event.target.value)} />
        </Field>
      </Form>
    </Dialog>
  )
}

/** A branch where one means the commit, else the commit itself. */
const wordOf = ({ refs, commitHash }: CachedRepo['revisions'][number]): string =>
  refs.find((ref) => ref === 'main') ?? refs[0] ?? commitHash
