using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.ML.Generative.Music;
using Module10.Jobs;
using Module10.Models;
using Module10.Sessions;

namespace Module10.Rooms.Music;

/// <summary>The endpoints of the room for music.</summary>
internal static class MusicEndpoints
{
    private const int SampleRate = 22_050;

    // Bolder voices than these no longer fit the melody.
    private const double HarmonyTemperature = 0.5;

    public static void MapMusic(this IEndpointRouteBuilder endpoints)
    {
        RouteGroupBuilder room = endpoints.MapGroup("/api/music");
        room.MapGet("/choices", () => new
        {
            Keys = MusicKey.All.Select(key => key.ToString()),
            Instruments = Instruments.All.Select(instrument => instrument.Name),
            UploadedMelody.MostBytes,
        });
        // The body is a MIDI file.
        room.MapPost("/melody", async (HttpContext context) => new
        {
            Notes = await UploadedMelody.ReadAsync(context.Request.Body, context.RequestAborted),
        });
        room.MapPost("/compose", Compose);
        room.MapPost("/continue", Continue);
        room.MapPost("/harmonize", Harmonize);
        room.MapGet("/pieces/{number:int}/wav", Wav);
        room.MapGet("/pieces/{number:int}/mid", (HttpContext context, int number) =>
        {
            using var stream = new MemoryStream();
            MidiFile.Write(stream, Pieces(context).Find(number));
            return Results.File(stream.ToArray(), "audio/midi", "piece.mid");
        });
        room.MapGet("/pieces/{number:int}/png", (HttpContext context, int number) =>
            Results.File(PianoRollImage.ToPng(Pieces(context).Find(number)), "image/png"));
    }

    private static Task Compose(HttpContext context, MusicRequest request, MelodyModel melody, HarmonyModel harmony)
    {
        request.Validate();
        TransposingComposer composer = melody.Composer;
        MusicHarmonizer? harmonizer = request.HasFourVoices ? harmony.Harmonizer : null;
        return Run(context, request, harmonizer, events => composer.Compose(request.MusicKey(), Options(request, events)));
    }

    private static Task Continue(HttpContext context, MusicRequest request, MelodyModel melody, HarmonyModel harmony)
    {
        request.Validate();
        NoteSequence beginning = request.Beginning();
        TransposingComposer composer = melody.Composer;
        MusicHarmonizer? harmonizer = request.HasFourVoices ? harmony.Harmonizer : null;
        return Run(context, request, harmonizer, events => composer.Continue(beginning, Options(request, events)));
    }

    private static Task Harmonize(HttpContext context, MusicRequest request, HarmonyModel harmony)
    {
        request.Validate();
        NoteSequence melody = request.Melody();
        return Run(context, request, harmony.Harmonizer, _ => melody);
    }

    // Sound takes a second of the processor: it has its turn as all other work.
    private static async Task<IResult> Wav(HttpContext context, int number, JobQueue queue)
    {
        NoteSequence piece = Pieces(context).Find(number);
        CancellationToken left = context.RequestAborted;
        using IDisposable turn = await queue.EnterAsync(context.Visitor(), JobKind.Generation, null, left);
        byte[] wav = await Task.Run(() =>
        {
            using var stream = new MemoryStream();
            Synthesizer.WriteWav(stream, piece, new SynthesizerOptions { SampleRate = SampleRate, CancellationToken = left });
            return stream.ToArray();
        }, left);
        return Results.File(wav, "audio/wav", "piece.wav");
    }

    // Events: progress (step, totalSteps, part), piece (number, notes, seconds, key).
    private static Task Run(
        HttpContext context, MusicRequest request, MusicHarmonizer? harmonizer, Func<JobEvents, NoteSequence> melody) =>
        JobStream.RunAsync(context, JobKind.Generation, events =>
        {
            NoteSequence piece = melody(events);
            // A melody of rests alone has nothing to harmonize.
            if (harmonizer is not null && piece.Notes.Count > 0)
            {
                piece = harmonizer.HarmonizeInNaturalKey(piece, request.MusicKey(), new HarmonizeOptions
                {
                    Temperature = HarmonyTemperature * request.Temperature,
                    Tempo = request.Tempo,
                    Seed = request.Seed,
                    Progress = Progress(events, "other voices"),
                    CancellationToken = events.Cancellation,
                });
            }

            piece = Instruments.Play(piece, request.Instrument);
            events.Send("piece", new
            {
                Number = Pieces(context).Add(piece),
                Notes = piece.Notes.Count,
                Seconds = piece.Length.TotalSeconds,
                Key = piece.Notes.Count > 0 ? MusicKey.Estimate(piece).ToString() : null,
            });
        });

    private static ComposeOptions Options(MusicRequest request, JobEvents events) => new()
    {
        Tempo = request.Tempo,
        Bars = request.Bars,
        Temperature = request.Temperature,
        Seed = request.Seed,
        Progress = Progress(events, "melody"),
        CancellationToken = events.Cancellation,
    };

    private static InlineProgress<MusicProgress> Progress(JobEvents events, string part) =>
        new(progress => events.Send("progress", new { Step = progress.Done, TotalSteps = progress.Total, part }));

    private static VisitorPieces Pieces(HttpContext context) => context.Visitor().Part<VisitorPieces>();
}
