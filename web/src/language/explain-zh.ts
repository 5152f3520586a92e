// 队列引擎的决定，用中文说明。英文在 explain-en.ts。

import { lasted as lastedIn } from "../passed";

/** `0.9 秒`、`12 秒`、`4 分 3 秒`。 */
const lasted = (ms: number) => lastedIn(ms, "秒", "分");

export const explain = {
  and: "，",
  many: (state: string, n: number) => `${n} 人${state}`,
  nobodyAtAll: "没有人有这项技能",
  fit: {
    eligible: "可接",
    ready: "就绪",
    busy: "通话中",
    wrap_up: "话后处理",
    resting: "接听间隔",
    excluded: "刚才没接这个来电",
    not_ready: "示忙",
    unreachable: "电话离线",
    signed_out: "未签入",
    lacks_skills: "技能不够",
  } as Record<string, string>,
  joined: (queue: string) => `进入队列 ${queue}`,
  foreseen: (ms: number) => `，预计等待 ${lasted(ms)}`,
  refused: (queue: string, why: string) => `没有进入队列 ${queue}：${why}`,
  refusal: { closed: "已关闭", full: "已满", nobody: "无人能接", unknown_queue: "没有这个队列" } as Record<
    string,
    string
  >,
  moved: (from: string, to: string, why: string) => `从 ${from} 移到 ${to}，位次保留：${why}`,
  relaxed: (step: number, why: string) => `要求放宽到第 ${step} 步：${why}`,
  relaxedBy: { waited: "等得够久", expected_wait: "预计等待太长", nobody: "签入的人谁也不可能接" } as Record<
    string,
    string
  >,
  nobody: (tally: string) => `无人可分配：${tally}`,
  asked: (who: string, by: string, tally: string) => `分配给 ${who}：${by}（${tally}）`,
  by: {
    longest_idle: "空闲最久",
    least_occupied: "占用率最低",
    most_skilled: "技能最高",
    least_skilled: "技能刚好够",
    round_robin: "轮到",
    fewest_calls: "接听最少",
    weighted: "按权重接听最少",
  } as Record<string, string>,
  preferred: "，上次就是这位",
  passed: (call: string, why: string) => `；${call} 等得更久：${why}`,
  passedBy: (who: string, why: string) => `后来的来电先分配给 ${who}：${why}`,
  because: {
    emergency: "紧急",
    head_start: "优先",
    excluded: "该话务员没接更早的来电",
    preferred: "更早的来电在等另一位",
    unexplained: "没有原因（程序错误）",
  } as Record<string, string>,
  rang: (who: string, outcome: string, ms: number) => `${who} ${outcome}（振铃 ${lasted(ms)}）`,
  offer: {
    answered: "接听",
    no_answer: "没有接，已示忙",
    rejected: "拒接",
    busy: "占线",
    unreachable: "离线",
    caller_gone: "停止振铃：来电人已挂",
    answered_elsewhere: "停止振铃：别处已接",
  } as Record<string, string>,
  connected: (who: string, seat: string) => `接通 ${who}（席位 ${seat}）`,
  handedOver: (who: string, seat: string) => `转给 ${who}（席位 ${seat}）`,
  ended: (ms: number) => `通话结束，共 ${lasted(ms)}`,
  leftLine: (queue: string, why: string) => `离开队列 ${queue}：${why}`,
  left: {
    caller_gone: "来电人挂断",
    too_long: "到了最长等待",
    nobody: "能接的人都已签退",
    supervisor: "班长移动",
    withdrawn: "话务员不再用第二路等候",
    restarted: "系统重启",
  } as Record<string, string>,
  pressed: (key: string) => `来电人按了 ${key}`,
  late: (cause: string) => `未及时接听：${cause}。`,
  inTime: "在目标时间之内。",
  notInTime: "未及时接听。",
  waited: (queue: string, ms: number) => `在 ${queue} 等待 ${lasted(ms)}。`,
  waits: (queue: string) => `仍在 ${queue} 等待。`,
  callbackRenewed: (number: string) => `通话中系统中断，将再次回呼 ${number}，位次保留`,
  callbackTaken: (number: string) => `将回呼 ${number}，位次保留`,
  dialled: (number: string, attempt: number) => `回呼 ${number}，第 ${attempt} 次`,
  incomplete: "记录不是从这个来电开始的，更早的没有。",
  noLine: "没有进入过队列。",
  logGone: "当天的记录已不在（保留八天）。",
};
