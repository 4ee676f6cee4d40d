import { inboundContract } from '../contract/inbound.ts'
import { expressTwice, middleware, servedExpress } from '../kit/inbound-subjects.ts'

inboundContract(servedExpress(4))
inboundContract(servedExpress(5))
inboundContract(middleware(4))
inboundContract(middleware(5))
inboundContract(expressTwice)
