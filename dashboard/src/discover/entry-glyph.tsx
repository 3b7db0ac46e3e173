import type { CatalogEntry } from '../api/catalog'
import { factsOf, familyOf } from '../models/facts'
import { Glyph } from '../ui/glyph'

/** In the colour of the family that the catalog names, else of the one that the repository's name speaks of. */
export function EntryGlyph({
  entry,
  family,
}: {
  entry: Pick<CatalogEntry, 'name' | 'repo' | 'filename'>
  family: string | null | undefined
}) {
  const read = factsOf({ name: entry.name, hfRepo: entry.repo, modelFile: entry.filename })
  return <Glyph name={entry.name} colour={familyOf(family ?? '')?.colour ?? read.familyColour} />
}
