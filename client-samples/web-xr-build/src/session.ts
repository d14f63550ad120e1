/** The participant's session: token, LiveKit room, and the way back after a lost connection. */
import {
  type AudioCaptureOptions,
  ConnectionState,
  DefaultReconnectPolicy,
  DisconnectReason,
  type LocalTrackPublication,
  type RemoteParticipant,
  type RemoteTrack,
  type RemoteTrackPublication,
  Room,
  RoomEvent,
  Track,
  type VideoCaptureOptions,
  setLogLevel,
} from "livekit-client";

import { ClientError, asClientError } from "./errors.ts";
import { MessageLanes } from "./message-lanes.ts";
import type { Connection } from "./phase.ts";
import { HUB_IDENTITY, RECEIVED_TOPICS, RETURN_TRACK_PREFIX } from "./protocol.ts";
import { type Grant, fetchGrant } from "./token.ts";

export interface SessionEvents {
  /** `connected` comes again after every interruption: announce yourself each time. */
  connection(state: Connection, problem: ClientError | null): void;
  /** Whether the hub records; comes before anything is sent to it. */
  recording(on: boolean): void;
  /** The room is being replaced by a new one: what was published in the old one is gone. */
  roomLost(): void;
  message(topic: string, payload: Uint8Array): void;
  returnAudio(track: MediaStreamTrack | null): void;
  playbackBlocked(blocked: boolean): void;
}

// Its own states are shown by the page; the console is for what went wrong.
setLogLevel("warn");

const HUB_DEADLINE_MS = 15_000;
/** A packet of the media server's takes this much; what is larger goes as a stream of the same topic. */
const PACKET_BYTES = 60_000;
/** LiveKit's own attempts to resume: enough for a change of network. A hub that restarted needs a new token instead. */
const RESUME_DELAYS_MS = [0, 300, 1000, 2000, 4000];
/** Waits before each new attempt after a lost session: about a minute, then the person decides. */
const REJOIN_DELAYS_MS = [500, 1000, 2000, 4000, 8000, 15_000, 30_000];
const WORTH_TELLING_MS = 2000;

export class Session {
  readonly #events: SessionEvents;
  #room: Room | null = null;
  #grant: Grant | null = null;
  #wanted: { identity: string; code: string | null } | null = null;
  #attempt = 0;
  /** The track in which the agent is heard now. */
  #playing: RemoteTrack | null = null;
  #state: Connection = "idle";

  constructor(events: SessionEvents) {
    this.#events = events;
  }

  get identity(): string | null {
    return this.#grant?.identity ?? null;
  }

  get roomName(): string | null {
    return this.#grant?.room ?? null;
  }

  /** Resolves when the hub is in the room. Throws ClientError; the state is then `failed`. */
  async join(identity: string, code: string | null): Promise<void> {
    this.#wanted = { identity, code };
    this.#attempt += 1;
    this.#setState("connecting");
    try {
      await this.#connect(this.#attempt);
    } catch (error) {
      const problem = asClientError(error, "media-blocked", mediaBlockedSentence(this.#grant));
      await this.#close();
      this.#setState("failed", problem);
      throw problem;
    }
  }

  async leave(): Promise<void> {
    this.#wanted = null;
    this.#attempt += 1;
    await this.#close();
    this.#setState("idle");
  }

  /** Sends one message to the hub, reliably and in order. Throws ClientError when there is no session. */
  async send(topic: string, payload: Uint8Array<ArrayBuffer>): Promise<void> {
    if (!this.#room || this.#state !== "connected") {
      throw new ClientError("not-connected", "You are not connected: join first, then send it again.");
    }
    const { localParticipant } = this.#room;
    const to = { destinationIdentities: [HUB_IDENTITY], ...(topic && { topic }) };
    if (payload.byteLength <= PACKET_BYTES) await localParticipant.publishData(payload, { reliable: true, ...to });
    else await localParticipant.sendBytes(payload, { compress: false, ...to });
  }

  async setMicrophone(on: boolean, options?: AudioCaptureOptions): Promise<LocalTrackPublication | undefined> {
    return this.#participant().setMicrophoneEnabled(on, options);
  }

  async setCamera(on: boolean, options?: VideoCaptureOptions): Promise<LocalTrackPublication | undefined> {
    return this.#participant().setCameraEnabled(on, options);
  }

  /** Lets the browser play the agent's voice; call from a click. */
  async startPlayback(): Promise<void> {
    await this.#room?.startAudio();
  }

  #participant() {
    if (!this.#room) throw new ClientError("not-connected", "You are not connected: join first.");
    return this.#room.localParticipant;
  }

  #setState(state: Connection, problem: ClientError | null = null): void {
    this.#state = state;
    this.#events.connection(state, problem);
  }

  async #connect(attempt: number): Promise<void> {
    const { identity, code } = this.#wanted!;
    const grant = await fetchGrant(identity, code);
    if (attempt !== this.#attempt) return;
    this.#grant = grant;
    this.#events.recording(grant.recording);
    const room = new Room({
      disconnectOnPageLeave: true,
      reconnectPolicy: new DefaultReconnectPolicy(RESUME_DELAYS_MS),
      // Discontinuous transmission sends next to nothing while nobody speaks; after a minute of that the server calls the
      // connection lost and the client reconnects for no reason.
      publishDefaults: { dtx: false },
    });
    this.#room = room;
    this.#listen(room);
    // Others in a shared room must never be heard: each track of the hub is asked for by itself.
    await room.connect(grant.url, grant.token, { autoSubscribe: false });
    const hub = await hubIn(room);
    for (const publication of hub.trackPublications.values()) this.#subscribe(publication as RemoteTrackPublication, hub);
    if (attempt === this.#attempt) this.#setState("connected");
  }

  #listen(room: Room): void {
    const isCurrent = () => this.#room === room;
    const lanes = new MessageLanes((topic, payload) => isCurrent() && this.#events.message(topic, payload));
    for (const topic of RECEIVED_TOPICS) {
      room.registerByteStreamHandler(topic, (reader, sender) => {
        if (sender.identity === HUB_IDENTITY) lanes.stream(topic, reader.readAll());
      });
    }
    room
      .on(RoomEvent.DataReceived, (payload, sender, _kind, topic) => {
        if (sender?.identity === HUB_IDENTITY) lanes.packet(topic ?? "", payload);
      })
      .on(RoomEvent.TrackPublished, (publication, owner) => this.#subscribe(publication, owner))
      .on(RoomEvent.TrackSubscribed, (track, _publication, owner) => this.#play(track, owner))
      .on(RoomEvent.TrackUnsubscribed, (track) => this.#silence(track))
      .on(RoomEvent.AudioPlaybackStatusChanged, () => this.#events.playbackBlocked(!room.canPlaybackAudio))
      .on(RoomEvent.SignalReconnecting, () => isCurrent() && this.#interrupted())
      .on(RoomEvent.Reconnecting, () => isCurrent() && this.#interrupted())
      .on(RoomEvent.Reconnected, () => isCurrent() && this.#resumed(room))
      .on(RoomEvent.ParticipantConnected, (who) => {
        if (isCurrent() && who.identity === HUB_IDENTITY && this.#state === "reconnecting") this.#resumed(room);
      })
      .on(RoomEvent.ParticipantDisconnected, (who) => {
        if (isCurrent() && who.identity === HUB_IDENTITY) this.#interrupted();
      })
      .on(RoomEvent.Disconnected, (reason) => {
        if (isCurrent() && this.#wanted) void this.#lost(reason);
      });
  }

  #interrupted(): void {
    if (this.#state === "connected") this.#setState("reconnecting");
  }

  #resumed(room: Room): void {
    if (room.state === ConnectionState.Connected && room.remoteParticipants.has(HUB_IDENTITY)) this.#setState("connected");
  }

  #subscribe(publication: RemoteTrackPublication, owner: RemoteParticipant): void {
    if (owner.identity !== HUB_IDENTITY || publication.kind !== Track.Kind.Audio) return;
    const forSomeoneElse =
      publication.trackName.startsWith(RETURN_TRACK_PREFIX) &&
      publication.trackName !== RETURN_TRACK_PREFIX + (this.#grant?.identity ?? "");
    if (!forSomeoneElse) publication.setSubscribed(true);
  }

  #play(track: RemoteTrack, owner: RemoteParticipant): void {
    if (owner.identity !== HUB_IDENTITY || track.kind !== Track.Kind.Audio) return;
    // Chromium pulls a remote track only while an element plays it.
    const element = track.attach();
    element.hidden = true;
    document.body.append(element);
    this.#playing = track;
    this.#events.returnAudio(track.mediaStreamTrack);
  }

  #silence(track: RemoteTrack): void {
    for (const element of track.detach()) element.remove();
    // After a reconnect the old track's end may come later than the new track's beginning.
    if (track !== this.#playing) return;
    this.#playing = null;
    this.#events.returnAudio(null);
  }

  /** The room is gone for good: join again by itself, unless somebody meant it. */
  async #lost(reason: DisconnectReason | undefined): Promise<void> {
    if (this.#state === "connecting") return; // join() reports it
    const final = finalReason(reason);
    if (final) {
      await this.#close();
      this.#setState("failed", final);
      return;
    }
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#events.roomLost();
    this.#setState("reconnecting");
    const problem = await this.#rejoin(attempt);
    if (problem && attempt === this.#attempt) this.#setState("failed", problem);
  }

  async #rejoin(attempt: number): Promise<ClientError | null> {
    let problem: ClientError | null = null;
    for (const delayMs of REJOIN_DELAYS_MS) {
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      if (attempt !== this.#attempt) return null;
      await this.#close();
      try {
        await this.#connect(attempt);
        return null;
      } catch (error) {
        problem = asClientError(error, "media-blocked", mediaBlockedSentence(this.#grant));
        if (problem.kind === "join-code" || problem.kind === "token-refused") break;
        // Short interruptions solve themselves; from then on the person wants to know what is wrong.
        if (delayMs >= WORTH_TELLING_MS && attempt === this.#attempt) this.#setState("reconnecting", stillTrying(problem));
      }
    }
    await this.#close();
    return problem;
  }

  async #close(): Promise<void> {
    const room = this.#room;
    this.#room = null;
    if (!room) return;
    for (const participant of room.remoteParticipants.values()) {
      for (const { track } of participant.trackPublications.values()) if (track) this.#silence(track as RemoteTrack);
    }
    await room.disconnect();
  }
}

/** Waits until the hub is in the room. Throws ClientError `hub-absent` at the deadline. */
function hubIn(room: Room): Promise<RemoteParticipant> {
  const present = room.remoteParticipants.get(HUB_IDENTITY);
  if (present) return Promise.resolve(present);
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(deadline);
      room.off(RoomEvent.ParticipantConnected, arrived);
      room.off(RoomEvent.Disconnected, gone);
    };
    const fail = () => {
      done();
      reject(new ClientError("hub-absent", "The hub did not come into the room: restart the stack, then join again."));
    };
    const arrived = (who: RemoteParticipant) => {
      if (who.identity !== HUB_IDENTITY) return;
      done();
      resolve(who);
    };
    const gone = () => fail();
    const deadline = setTimeout(fail, HUB_DEADLINE_MS);
    room.on(RoomEvent.ParticipantConnected, arrived).on(RoomEvent.Disconnected, gone);
  });
}

function finalReason(reason: DisconnectReason | undefined): ClientError | null {
  if (reason === DisconnectReason.DUPLICATE_IDENTITY) {
    return new ClientError(
      "replaced",
      "This name joined from another page: close the other one, or open this page with a different ?identity=, then join again.",
    );
  }
  if (reason === DisconnectReason.PARTICIPANT_REMOVED) {
    return new ClientError("removed", "The host removed you from the room: ask them before you join again.");
  }
  return null;
}

function stillTrying(cause: ClientError): ClientError {
  const sentence = "The connection is lost: check that the hub is running. This page joins again by itself.";
  return new ClientError("hub-unreachable", sentence, { cause });
}

function mediaBlockedSentence(grant: Grant | null): string {
  const where = grant ? ` at ${grant.url}` : "";
  return `The media connection${where} could not be made: check that no firewall or proxy blocks it, then join again.`;
}
