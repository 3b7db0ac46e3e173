/** Which cards the view by repository has. */
import type { Model } from '../api/models'

export type CardContent = {
  key: string
  /** null: what stands together has no repository. */
  repo: string | null
  title: string
  models: readonly Model[]
  /** The files of the repository that are registered, shown or not; null is the whole repository. */
  registered: ReadonlySet<string | null>
}

const HOSTED = 'Hosted models'
const PATHS = 'Local paths'

/** A card for each repository in the order of its first model, then the models that have none. */
export function cardsOf(shown: readonly Model[], all: readonly Model[]): CardContent[] {
  const everything = grouped(all)
  const cards = [...grouped(shown)].map(([title, models]) => ({
    key: title,
    repo: models[0]?.hfRepo ?? null,
    title,
    models,
    registered: new Set(everything.get(title)?.map((model) => model.modelFile)),
  }))
  return [...cards.filter(({ repo }) => repo), ...cards.filter(({ repo }) => !repo)]
}

function grouped(models: readonly Model[]): Map<string, Model[]> {
  const groups = new Map<string, Model[]>()
  for (const model of models) {
    const title = model.hfRepo ?? (model.type === 'hosted-llm' ? HOSTED : PATHS)
    const group = groups.get(title)
    if (group) group.push(model)
    else groups.set(title, [model])
  }
  return groups
}
