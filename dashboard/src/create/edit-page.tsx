/** An existing model: the same form, its type fixed, its secrets never shown. */
import { SearchX } from 'lucide-react'
import { ButtonLink } from '../ui/button'
import { Empty, Failed } from '../ui/place'
import { EditHosted } from './edit-hosted'
import { EditLocal } from './edit-local'
import { Frame } from './frame'
import { rowOf } from './use-edit'
import { useModel } from './use-model'

export default function EditPage({ id }: { id: number }) {
  const { model, problem, retry } = useModel(id)
  if (model?.type === 'local') return <EditLocal key={id} model={model} />
  if (model) return <EditHosted key={id} model={model} />
  const isUnknown = problem?.code === 'MODEL_NOT_FOUND' || !(Number.isSafeInteger(id) && id > 0)
  return (
    <Frame
      title="Edit model"
      closeWord="Close"
      opener={rowOf(id)}
      isDirty={false}
      hasSecret={false}
      onLeave={nothing}
    >
      {isUnknown ? (
        <Empty
          icon={<SearchX size={22} />}
          title="No such model"
          actions={<ButtonLink href="/models">Show all models</ButtonLink>}
        >
          It may have been deleted.
        </Empty>
      ) : (
        problem && <Failed title="The model could not be loaded" problem={problem} onRetry={retry} />
      )}
    </Frame>
  )
}

const nothing = () => {}
