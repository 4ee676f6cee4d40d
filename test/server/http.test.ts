import { inboundContract } from '../contract/inbound.ts'
import { served, servedServer } from '../kit/inbound-subjects.ts'

inboundContract(served)
inboundContract(servedServer)
