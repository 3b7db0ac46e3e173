/** The side panel: what a click will do to this server, and then how it goes. */
import type { Ref } from 'react'
import type { Model } from '../api/models'
import { bytes } from '../lib/format'
import { useDownload } from '../models/states'
import { Notice } from '../ui/status'
import { CutMiddle } from '../ui/tooltip'
import { DownloadProgress } from './download-progress'
import { type Room, useRoomFor, useRoomOf } from './room'
import styles from './what-happens.module.css'

/**
 * `model`: the one whose download is shown; null: there is none yet. `isUpTo`: patterns may leave files out.
 * `isChanged`: on the edit page, whether the form says something else than the model, so that it can't be started yet.
 */
export function WhatHappens({
  ref,
  file,
  isChosen,
  sizeBytes,
  isUpTo,
  downloads,
  isLooking = false,
  model,
  isChanged = null,
}: {
  ref?: Ref<HTMLElement>
  file: string | null
  isChosen: boolean
  sizeBytes: number | null
  isUpTo: boolean
  downloads: boolean
  /** The Hub is being asked. */
  isLooking?: boolean
  model: Model | null
  isChanged?: boolean | null
}) {
  const room = useRoomFor(sizeBytes)
  return (
    <aside ref={ref} tabIndex={-1} className={styles.panel} aria-labelledby="happens-title">
      <h2 id="happens-title">What happens</h2>
      {isChosen && (
        <dl className={styles.facts}>
          <dt>File</dt>
          <dd>{file === null ? 'Whole repository' : <FileName file={file} />}</dd>
          {sizeBytes !== null && (
            <>
              <dt>{model?.downloaded ? 'Size' : 'Download'}</dt>
              <dd>{isUpTo ? `up to ${bytes(sizeBytes)}` : bytes(sizeBytes)}</dd>
            </>
          )}
        </dl>
      )}
      {model ? (
        <Live model={model} sizeBytes={sizeBytes} isChanged={isChanged} />
      ) : (
        <>
          <RoomFacts room={room} hasFile={isChosen && sizeBytes !== null} isNeeded={downloads} />
          <p className={styles.sentence}>
            {isLooking ? 'Asking Hugging Face…' : sentence(isChosen, downloads, room)}
          </p>
        </>
      )}
    </aside>
  )
}

function sentence(isChosen: boolean, downloads: boolean, room: Room): string {
  if (!isChosen) return 'Name a repository to see what will be downloaded.'
  if (downloads && room.missing) return 'Untick “Download immediately” to register it all the same.'
  return downloads
    ? 'The model is registered and its download starts.'
    : 'The model is registered. Nothing is downloaded until you start it.'
}

function FileName({ file }: { file: string }) {
  return <CutMiddle text={file.split('/').at(-1) ?? file} className={styles.file} />
}

/** A model that exists: the room counts its download already, and the download itself is shown. */
function Live({
  model,
  sizeBytes,
  isChanged,
}: {
  model: Model
  sizeBytes: number | null
  isChanged: boolean | null
}) {
  const operation = useDownload(model)
  const size = model.fileSizeBytes ?? operation?.bytesTotal ?? sizeBytes
  const room = useRoomOf(model, size, operation)
  return (
    <>
      <RoomFacts room={room} hasFile={size !== null} isNeeded />
      <DownloadProgress
        model={model}
        operation={operation}
        isChanged={isChanged === true}
        isEditor={isChanged !== null}
        hasRoom={!room.missing}
      />
    </>
  )
}

/** `isNeeded`: something is to be downloaded, so a lack of room is in the way. */
function RoomFacts({ room, hasFile, isNeeded }: { room: Room; hasFile: boolean; isNeeded: boolean }) {
  return (
    <>
      <dl className={styles.facts}>
        {room.freeNow !== null && (
          <>
            <dt>Free now</dt>
            <dd>{bytes(room.freeNow)}</dd>
          </>
        )}
        {room.freeAfter !== null && hasFile && (
          <>
            <dt>Free after</dt>
            <dd data-bad={room.freeAfter < 0 || undefined}>
              {room.freeAfter < 0 ? 'Not enough' : bytes(room.freeAfter)}
            </dd>
          </>
        )}
      </dl>
      {room.bar && <RoomBar bar={room.bar} hasFile={hasFile} />}
      {room.missing && isNeeded && (
        <Notice tone="bad" role="alert" title="Not enough room">
          Needs {bytes(room.missing.needed)}, {bytes(room.missing.free)} free after the queue.
        </Notice>
      )}
    </>
  )
}

function RoomBar({ bar, hasFile }: { bar: NonNullable<Room['bar']>; hasFile: boolean }) {
  return (
    <div>
      <div className={styles.bar} aria-hidden="true">
        <Share of={bar.used} what="used" />
        <Share of={bar.reserved} what="reserved" />
        {hasFile && <Share of={bar.own} what="own" />}
      </div>
      <ul className={styles.legend}>
        <li data-what="used">Used</li>
        {bar.reserved > 0 && <li data-what="reserved">Reserved</li>}
        {hasFile && bar.own > 0 && <li data-what="own">This file</li>}
      </ul>
    </div>
  )
}

/** At least a hair wide, so that a small file is seen on a large volume. */
function Share({ of, what }: { of: number; what: string }) {
  if (of <= 0) return null
  return <span data-what={what} style={{ width: `max(3px, ${(Math.min(1, of) * 100).toFixed(2)}%)` }} />
}
