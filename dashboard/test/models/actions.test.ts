import { expect, test } from 'vitest'
import { mainAction } from '../../src/models/actions'
import { aDownload, aHosted, aModel } from '../make'

test.each([
  ['NotDownloaded', 'download'],
  ['Pending', 'cancel'],
  ['Downloading', 'cancel'],
  ['Paused', 'resume'],
  ['Canceled', 'resume'],
  ['Failed', 'retry'],
  ['Downloaded', null],
] as const)('%s: %s', (downloadStatus, action) => {
  expect(mainAction(aModel({ downloadStatus }))).toBe(action)
})

test('what moves now counts more than what the list knows', () => {
  expect(mainAction(aModel({ downloadStatus: 'Failed' }), 'Downloading')).toBe('cancel')
})

test('a hosted model can be tested', () => {
  expect(mainAction(aHosted())).toBe('test')
})

test('what is being deleted and what lies at a path of its own have no action', () => {
  const going = aDownload({ operation: 'delete', status: 'running' })
  expect(mainAction(aModel({ downloadStatus: 'Failed', activeOperation: going }))).toBeNull()
  expect(mainAction(aModel({ source: 'path', downloadStatus: 'Downloaded' }))).toBeNull()
})

test('a damaged model is repaired, and what goes on with one that is here can be canceled', () => {
  const damaged = { downloadStatus: 'Failed', damagedFiles: [{ path: 'a', problem: 'missing' }] } as const
  expect(mainAction(aModel({ ...damaged, damagedFiles: [...damaged.damagedFiles] }))).toBe('repair')
  const activeOperation = aDownload({ operation: 'verify', status: 'running' })
  expect(mainAction(aModel({ downloadStatus: 'Downloaded', activeOperation }))).toBe('cancel')
})
