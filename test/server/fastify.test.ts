import { inboundContract } from '../contract/inbound.ts'
import { fastifySubject } from '../kit/inbound-subjects.ts'

inboundContract(fastifySubject(false))
inboundContract(fastifySubject(true))
