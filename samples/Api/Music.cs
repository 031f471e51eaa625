#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// Music: a language model learns words of music, composes and continues a beginning; the piece becomes MIDI, WAV and a piano roll.

using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Music;

var mlContext = new MLContext(seed: 1);
MusicTokens tokens = MusicTokens.PianoRoll(stepsPerQuarter: 2);
MusicRow[] rows = [.. Enumerable.Range(0, 40).Select(i => new MusicRow { Name = $"tune {i}", Music = Tune(i) })];
Console.WriteLine($"The first words: {tokens.Encode(rows[0].Music)[..40]}…");

var pipeline = mlContext.Transforms.Generative().MusicToText("Text", "Music", tokens)
    .Append(mlContext.Transforms.Generative().LanguageModel(new LanguageModelOptions
    {
        Tokenizer = tokens.Tokenizer,
        Layers = 1,
        Heads = 2,
        EmbeddingSize = 32,
        ContextLength = 64,
        LearningRate = 0.01,
        MaxSteps = 150,
        Seed = 1,
        Threads = 1,
    }));
using LanguageModelTransformer model = pipeline.Fit(mlContext.Data.LoadFromEnumerable(rows)).LastTransformer;
MusicLikelihood likelihood = mlContext.Generative().EvaluateMusicLikelihood(model, mlContext.Data.LoadFromEnumerable(rows));
Console.WriteLine($"-log p {likelihood.NegativeLogLikelihoodPerStep:F2} nats a step; without music {MusicLikelihood.Uniform():F0}");

var composer = new MusicComposer(model);
NoteSequence piece = composer.Continue(Tune(0).Slice(0, 960), new ComposeOptions { Bars = 4, Tempo = 120, Temperature = 0.8, Seed = 7 });
Console.WriteLine($"A piece of {piece.Length.TotalSeconds:F0} s, like tunes in {MusicKey.Estimate(Tune(0))}");
using var midi = new MemoryStream();
MidiFile.Write(midi, piece);
using var wav = new MemoryStream();
Synthesizer.WriteWav(wav, piece, new SynthesizerOptions { SampleRate = 22_050 });
Console.WriteLine($"MIDI {midi.Length > 100}, WAV {wav.Length > 100_000}, PNG {PianoRollImage.ToPng(piece).Length > 100}");

// Broken chords of C major, with the bass below.
NoteSequence Tune(int number)
{
    int[][] chords = [[60, 64, 67], [65, 69, 72], [67, 71, 74], [60, 64, 67]];
    IEnumerable<Note> melody = chords.SelectMany((chord, bar) => Enumerable.Range(0, 8)
        .Select(i => new Note(chord[(i + number) % 3], 1920L * bar + 240 * i, 240)));
    IEnumerable<Note> bass = chords.Select((chord, bar) => new Note(chord[0] - 12, 1920L * bar, 1920));
    return new NoteSequence(480, [.. melody, .. bass]);
}

// Expected output (numbers depend on the processor):
// The first words: 60 48 | 64 48~ | 67 48~ | 60 48~ | 64 48…
// -log p 1.76 nats a step; without music 61
// A piece of 8 s, like tunes in C major
// MIDI True, WAV True, PNG True
