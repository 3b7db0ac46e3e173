/** Which registered model an entry of the catalog is. */
import type { CatalogEntry } from '../api/catalog'
import type { Model } from '../api/models'
import { openEntry, openInfo } from '../lib/overlay'

type Named = Pick<CatalogEntry, 'id' | 'modelId'>
export type FindModel = (entry: Named) => Model | null

/**
 * The register says it, which the stream keeps true, so that a card moves without the catalog being asked again. Of
 * several (revisions of one repository) the one that is nearest to being of use.
 */
export function findModelIn(models: readonly Model[]): FindModel {
  const byEntry = new Map<string, Model>()
  const byId = new Map<number, Model>()
  for (const model of models) {
    byId.set(model.id, model)
    const { catalogId } = model
    if (!catalogId) continue
    const other = byEntry.get(catalogId)
    if (!other || rank(model) > rank(other)) byEntry.set(catalogId, model)
  }
  return ({ id, modelId }) => byEntry.get(id) ?? (modelId === null ? null : (byId.get(modelId) ?? null))
}

const rank = (model: Model): number => (model.downloaded ? 2 : model.activeOperation ? 1 : 0)

/** Not registered, or registered and never fetched. */
export const isToGet = (model: Model | null): boolean =>
  !model || (model.downloadStatus === 'NotDownloaded' && model.activeOperation === null)

/** The details: the model's own once it is registered. */
export function openDetails(entry: Named, model: Model | null): void {
  if (model) openInfo(model.id)
  else openEntry(entry.id)
}
