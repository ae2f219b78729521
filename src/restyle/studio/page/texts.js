/** Every text of the page, in English and Chinese. */

import { ARTISTS, LINES, TITLES } from "./artworks.js";

const TEXTS = {
  language: ["中文", "English"],
  languageLabel: ["中文: switch this page to Chinese", "English：将本页切换为英文"],
  skip: ["Skip to the picture", "跳到图片"],
  photos: ["Photos", "照片"],
  videos: ["Video", "视频"],
  sounds: ["Sound", "声音"],
  what: ["What to restyle", "选择要处理的内容"],

  addPhoto: ["Add a photo", "添加照片"],
  yourPhoto: ["Choose your photo", "选择你的照片"],
  camera: ["Camera", "拍照"],
  dropHint: ["or drop or paste one anywhere", "也可以直接拖入或粘贴"],
  dropHere: ["Drop it here", "松手即可添加"],
  yourPhotos: ["Your photos", "你的照片"],
  sample: ["Sample photo", "示例照片"],
  removePhoto: ["Remove {name}", "移除 {name}"],
  photoNamed: ["Photo {name}", "照片 {name}"],

  pictureKeys: [
    "Picture. Plus and minus zoom, 0 fits, 1 shows real pixels, arrow keys pan, Space held down shows the photo.",
    "图片。加减号缩放，0 适应窗口，1 显示实际像素，方向键平移，按住空格键看原图。",
  ],
  before: ["Before", "原图"],
  after: ["After", "效果"],
  divider: ["Divider between photo and painting", "原图与效果的分界线"],
  dividerAt: ["{percent} % photo", "原图占 {percent}%"],
  zoomIn: ["Zoom in", "放大"],
  zoomOut: ["Zoom out", "缩小"],
  fit: ["Fit", "适应"],
  realPixels: ["Show real pixels", "显示实际像素"],
  altPhoto: ["Your photo", "你的照片"],
  altResult: ["Your photo in the style of {style}", "{style}风格的照片"],

  tapStyle: ["Tap a style to paint your photo", "点一种风格，照片就会变成画"],
  quick: ["Quick", "快速"],
  painted: ["Brush strokes", "真实笔触"],
  methodLabel: ["How to paint", "绘制方式"],
  styling: ["Applying the style …", "正在应用风格……"],
  sharpening: ["Loading real pixels …", "正在载入实际像素……"],
  waiting: ["Waiting: number {position} in line", "排队中：第 {position} 位"],
  painting: ["Painting …", "正在绘制……"],
  paintingLeft: ["Painting, {time} left", "正在绘制，还需 {time}"],
  seconds: ["{n} s", "{n} 秒"],
  minutes: ["{n} min", "{n} 分钟"],
  cancel: ["Cancel", "取消"],
  paintAgain: ["Paint", "绘制"],
  retry: ["Try again", "重试"],
  close: ["Close", "关闭"],

  tabs: ["Tools", "工具"],
  styles: ["Styles", "风格"],
  adjust: ["Adjust", "调整"],
  mix: ["Mix", "混合"],
  areas: ["Areas", "区域"],
  crop: ["Crop", "裁剪"],

  searchHint: ["Search", "搜索"],
  search: ["Search by title or artist", "搜索作品或画家"],
  noMatch: ["No artwork matches “{query}”.", "没有与“{query}”匹配的作品。"],
  ownArtwork: ["Your artwork", "用你的画作"],
  ownArtworkHint: ["Any picture can be a style", "任何图片都能作为风格"],
  own: ["Your own", "你的画作"],
  kindsLabel: ["What the wall shows", "显示内容"],
  artworks: ["Artworks", "画作"],
  looks: ["Looks", "色调"],
  ownReference: ["Colors of a photo", "用照片的色调"],
  ownReferenceHint: ["Its color and light on yours", "套用它的色彩与光线"],
  reference: ["Your reference", "你的参考照片"],
  removeArtwork: ["Remove the artwork {name}", "移除画作 {name}"],
  wallProgress: ["{done} of {total} painted", "已完成 {done} / {total}"],
  pickSecond: ["Choose the style to mix in", "选择要混入的风格"],
  pickArea: ["Choose the style of this area", "选择这个区域的风格"],

  strength: ["Strength", "强度"],
  strengthHint: ["How much of the style", "风格的浓淡"],
  likeness: ["Likeness", "相似度"],
  likenessHint: ["How closely brush strokes follow the photo", "笔触贴近照片的程度"],
  strokeSize: ["Stroke size", "笔触大小"],
  strokeSizeHint: ["Finer or broader strokes", "笔触更细或更粗"],
  keepColors: ["Keep the photo's colors", "保留照片的颜色"],
  keepColorsVideo: ["Keep the colors", "保留原有颜色"],
  reset: ["Reset", "恢复默认"],

  mixHint: [
    "Drag the dot: sideways mixes the two styles, up makes the effect stronger.",
    "拖动圆点：左右调配两种风格，越往上效果越强。",
  ],
  mixEmpty: ["Blend two artworks on one photo.", "在一张照片上融合两幅画作。"],
  mixAdd: ["Choose a second style", "选择第二种风格"],
  mixRemove: ["Remove the second style", "移除第二种风格"],
  mixPad: ["Mix of {a} and {b}", "{a} 与 {b} 的混合"],
  mixAt: ["{a} {first} %, {b} {second} %, strength {strength} %", "{a} {first}%，{b} {second}%，强度 {strength}%"],
  needStyle: ["Choose a style first.", "请先选择一种风格。"],
  onlyPaintings: ["Photo looks cannot be mixed. Choose an artwork first.", "照片色调不能混合，请先选择一幅画作。"],

  areasHint: [
    "Brush over part of the picture to keep it as it is, or to give it another style.",
    "涂抹图片的一部分，让它保持原样，或换成另一种风格。",
  ],
  noAreas: ["A photo look covers the entire photo. Choose an artwork to use areas.", "照片色调作用于整张照片，选择画作后才能划分区域。"],
  keepArea: ["Keep the photo", "保持原样"],
  styleArea: ["Another style", "另一种风格"],
  subject: ["Select by box", "框选主体"],
  subjectHint: ["Drag a box around what you want to select.", "拖出一个框，框住想选中的部分。"],
  subjectBusy: ["Finding the subject …", "正在识别主体……"],
  subjectFailed: ["Nothing in the box stands out. Try another box, or use the brush.", "框内没有明显的主体。请换一个框，或改用画笔。"],
  area: ["Area {n}", "区域 {n}"],
  areaKept: ["kept as it is", "保持原样"],
  removeArea: ["Remove area {n}", "移除区域 {n}"],
  brush: ["Brush", "画笔"],
  eraser: ["Eraser", "橡皮"],
  brushSize: ["Brush size", "画笔大小"],
  undo: ["Undo", "撤销"],
  clear: ["Clear", "清除"],
  brushKeys: [
    "Brush. Arrow keys move it, Space puts it down and lifts it.",
    "画笔。方向键移动，空格键落笔或抬笔。",
  ],

  cropHint: ["Drag the corners, or choose a shape.", "拖动四角，或选择一种比例。"],
  cropFree: ["Free", "自由"],
  cropWhole: ["Entire photo", "整张照片"],
  cropFrame: [
    "Crop frame. Arrow keys move it; with Shift they change its size.",
    "裁剪框。方向键移动，按住 Shift 键改变大小。",
  ],
  cropCorner: ["Corner {n} of the crop frame", "裁剪框的第 {n} 个角"],
  applyCrop: ["Apply", "应用"],

  save: ["Save", "保存"],
  saveTitle: ["Save the picture", "保存图片"],
  saveSize: ["Full size: {width} × {height} pixels", "原始尺寸：{width} × {height} 像素"],
  format: ["Format", "格式"],
  formatjpeg: ["Small file, opens everywhere", "文件小，到处都能打开"],
  formatpng: ["No loss", "无损"],
  formatwebp: ["Smallest file", "文件最小"],
  formattiff: ["No loss, for printing", "无损，适合印刷"],
  saveQuick: [
    "The painting is not finished yet; this saves the quick picture.",
    "绘制尚未完成，现在保存的是快速效果。",
  ],
  saveAgain: [
    "In this format the picture is painted once more, which takes as long as before.",
    "保存为此格式需要重新绘制一遍，用时与之前相同。",
  ],
  saving: ["Preparing the file …", "正在生成文件……"],
  saved: ["Saved as {name}", "已保存为 {name}"],
  copyPicture: ["Copy the picture", "复制图片"],
  copy: ["Copy", "复制"],
  copied: ["Copied", "已复制"],
  copyFailed: ["The browser does not allow copying here.", "浏览器不允许在此复制。"],
  commands: ["The same picture by command", "用命令得到同样的图片"],
  commandLine: ["Command line", "命令行"],
  python: ["Python", "Python"],
  maskFile: ["Save mask {n}", "保存遮罩 {n}"],

  cameraTitle: ["Take a picture", "拍一张照片"],
  shoot: ["Take the picture", "拍摄"],
  live: ["Show it in the chosen style", "实时显示所选风格"],
  cameraDenied: [
    "The browser does not let this page use the camera. Allow it in the address bar, then try again.",
    "浏览器不允许本页使用摄像头。请在地址栏中允许，然后重试。",
  ],
  cameraNone: ["No camera was found.", "没有找到摄像头。"],

  chooseVideo: ["Choose a video", "选择视频"],
  chooseSound: ["Choose a sound", "选择声音"],
  videoHint: ["or drop one here: MP4, MOV, WebM, MKV, GIF", "也可以拖到这里：MP4、MOV、WebM、MKV、GIF"],
  soundHint: ["or drop one here: WAV, MP3, FLAC, OGG, M4A", "也可以拖到这里：WAV、MP3、FLAC、OGG、M4A"],
  chooseStyleNext: ["Then choose a style.", "然后选择一种风格。"],
  startVideo: ["Restyle the video", "开始处理视频"],
  startSound: ["Restyle the sound", "开始处理声音"],
  uploading: ["Uploading, {percent} %", "正在上传，{percent}%"],
  working: ["Working …", "正在处理……"],
  workingLeft: ["Working, {time} left", "正在处理，还需 {time}"],
  jobs: ["Your videos", "你的视频"],
  soundJobs: ["Your sounds", "你的声音"],
  download: ["Download", "下载"],
  play: ["Play", "播放"],
  pause: ["Pause", "暂停"],
  position: ["Position", "播放位置"],
  original: ["Original", "原声"],
  restyled: ["Restyled", "效果"],
  listenTo: ["Listen to", "收听"],
  remove: ["Remove", "移除"],
  cancelled: ["Cancelled", "已取消"],
  anotherFile: ["Choose another file", "换一个文件"],
  notPlayable: ["The browser cannot play this file, but it can be restyled.", "浏览器无法播放此文件，但可以处理。"],
  jobGone: ["The server no longer has this job. Start it again.", "服务器上已没有这个任务，请重新开始。"],

  errorNotPicture: ["{name} is not a picture that restyle can read.", "{name} 不是可以读取的图片。"],
  errorGone: [
    "The server does not answer. Your photos and settings are safe in this browser.",
    "服务器没有响应。你的照片和设置都保存在本浏览器中，不会丢失。",
  ],
  errorNoAnswer: ["No answer from the server", "服务器没有响应"],
  errorOffline: ["You are offline.", "网络已断开。"],
  errorBusy: ["The server is busy. Trying again in {n} s.", "服务器繁忙，{n} 秒后重试。"],
  errorTooLarge: ["This file is too large for the server. {detail}", "文件超出服务器的限制。{detail}"],
  errorToken: ["This server needs its access link. Open the link with the token.", "此服务器需要访问令牌，请用带令牌的链接打开。"],
  errorWorker: [
    "The server could not finish this file. It may be damaged, or too large for the server's memory.",
    "服务器未能处理此文件：文件可能已损坏，或超出服务器的内存。",
  ],
  errorSlow: ["This took longer than the server allows. Try a smaller file.", "处理用时超出服务器的限制，请换一个小一些的文件。"],
  errorOther: ["That did not work: {detail}", "没有成功：{detail}"],
  errorStore: ["The browser has no space left; a reload would lose this photo.", "浏览器存储空间已满，刷新页面会丢失这张照片。"],
};

let column = 0;

/** Choose the language: a saved choice, or the browser's. */
export function chooseLanguage(saved) {
  const wanted = saved ?? (navigator.languages ?? [navigator.language ?? "en"])[0];
  column = wanted.toLowerCase().startsWith("zh") ? 1 : 0;
  document.documentElement.lang = column ? "zh-CN" : "en";
  translate(document);
}

export const language = () => (column ? "zh" : "en");

/** The text of a key, with `{name}` replaced. */
export function t(key, values = {}) {
  return TEXTS[key][column].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Fill in the texts of elements: `data-t` for content, `data-label` for the accessible name, `data-hint`. */
export function translate(root) {
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", t(node.dataset.label));
    if (node.matches("button.icon")) node.title = t(node.dataset.label);
  }
  for (const node of root.querySelectorAll("[data-hint]")) node.placeholder = t(node.dataset.hint);
}

/** Title of a style in the chosen language, its artist, and a line with artist and year. */
export function describe(style) {
  const known = column && TITLES[style.name];
  if (["sound", "look"].includes(style.kind)) {
    const title = style.name.replaceAll("-", " ");
    const [name, line] = [title, style.title].map((text) => text && text[0].toUpperCase() + text.slice(1));
    return { title: known || name, artist: "", line: column ? (LINES[style.name] ?? "") : line };
  }
  const title = known || style.title || style.name;
  const artist = ["own", "reference"].includes(style.kind) ? t(style.kind) : (column && ARTISTS[style.artist]) || style.artist || "";
  const span = (style.year ?? "").replace("-", "\u2060–\u2060");
  const year = span.replace(/^c\. (.*)$/, column ? "约 $1" : "c.\u00a0$1");
  return { title, artist, line: [artist, year].filter(Boolean).join(column ? "，" : ", ") };
}

/** A duration in words. */
export function duration(seconds) {
  return seconds < 90
    ? t("seconds", { n: Math.max(1, Math.round(seconds)) })
    : t("minutes", { n: Math.round(seconds / 60) });
}

/** What to say about an error, in plain words. */
export function explain(error) {
  const detail = error.message ?? "";
  if (error.code === "gone") return t(navigator.onLine === false ? "errorOffline" : "errorGone");
  if (error.code === "worker_ended") return t("errorWorker");
  if (error.code === "too_slow") return t("errorSlow");
  if (error.status === 401) return t("errorToken");
  if (error.status === 413) return t("errorTooLarge", { detail });
  if (error.status === 429 || error.status === 503) return t("errorBusy", { n: error.retryAfter || 5 });
  return t("errorOther", { detail });
}
