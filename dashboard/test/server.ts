/** An API in this process (MSW); each test adds the answers that it needs. */
import { setupServer } from 'msw/node'

export const server = setupServer()
