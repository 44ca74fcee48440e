// Lookups at once through @bitrix24/b24jssdk. Arguments: webhook, folder of node_modules, values.

import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [webhook, modules, ...values] = process.argv.slice(2)
const { B24Hook } = createRequire(pathToFileURL(`${modules}/`))('@bitrix24/b24jssdk')
const FIELD = 'UF_CRM_COMPANY_ID'
const client = B24Hook.fromWebhookUrl(webhook)

async function lookup (value) {
  const params = { filter: { [`=${FIELD}`]: value }, select: ['ID', FIELD], start: -1 }
  const answer = await client.actions.v2.call.make({ method: 'crm.company.list', params })
  return answer.isSuccess && answer.getData().result[0]?.[FIELD] === value
}

const start = performance.now()
const answers = await Promise.all(values.map((value) => lookup(value).catch(() => false)))
const seconds = (performance.now() - start) / 1000
console.log(JSON.stringify({ answered: answers.filter(Boolean).length, seconds }))
process.exit(0)
