// The page that was asked for. All pages have one head; each is loaded with what it alone needs.

const PAGES: Record<string, () => Promise<unknown>> = {
  signin: () => import("./signin/main"),
  operator: () => import("./operator/main"),
  supervisor: () => import("./supervisor/main"),
  wall: () => import("./wall/main"),
  admin: () => import("./admin/main"),
};

const asked = location.pathname.replaceAll("/", "");
void (PAGES[asked] ?? PAGES.signin)?.();
