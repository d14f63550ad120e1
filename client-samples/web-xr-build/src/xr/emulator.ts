/** A stand-in headset for browsers without one: installs an emulated WebXR device over the page's own canvas. */
import { XRDevice, metaQuest3 } from "iwer";

import { FOV_Y_DEG } from "../view/viewpoint.ts";
import type { ViewPose } from "../protocol.ts";

export interface EmulatedHeadset {
  /** Moves the emulated head. */
  setPose(pose: ViewPose): void;
  /** Gives the browser its own navigator.xr and user agent back. */
  uninstall(): void;
}

/** Replaces navigator.xr; `stage` is the element that holds the canvas. */
export function installEmulator(stage: HTMLDivElement): EmulatedHeadset {
  const style = stage.getAttribute("style");
  const device = new XRDevice(metaQuest3, {
    // One eye fills the canvas: the person looks at a flat screen.
    stereoEnabled: false,
    fovy: (FOV_Y_DEG * Math.PI) / 180,
    ipd: 0,
    // The canvas stays where it is, and the page's own buttons stay above it.
    canvasContainer: stage,
  });
  if (style === null) stage.removeAttribute("style");
  else stage.setAttribute("style", style);
  // Chromium has a native navigator.xr that knows no device; it has to give way.
  device.installRuntime({ forceInstall: true });
  return {
    setPose: ({ position, orientation }) => {
      device.position.set(...position);
      device.quaternion.set(...orientation);
    },
    uninstall: () => device.uninstallRuntime(),
  };
}
