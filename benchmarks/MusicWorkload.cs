using System.Diagnostics;
using Microsoft.ML.Generative.Music;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Music: −log p of the JSB Chorales per step, with the literature's split and with one that keeps transpositions together; faults of voice
/// leading and consonance of harmonized melodies beside Bach's own; how well two bars of melodies are reconstructed; and what a diffusion
/// model composes.
/// </summary>
internal static class MusicWorkload
{
    private const int Seed = 1;
    private const int UsualSteps = 1500;
    private const int VoiceSteps = 2;
    private const int HarmonizedPieces = 20;
    private const int HarmonyQuarters = 8;
    private const int HarmonyContext = 1 + 4 * VoiceSteps * HarmonyQuarters;

    // But for the first, layers look at two steps before and two behind alone: which notes fit together is soon learned there.
    private const int NearWords = 4 * 4;

    public static object Run(BenchmarkSettings settings) => new
    {
        workload = "music",
        language_model = RunLanguageModel(settings),
        harmony = RunHarmony(settings),
        vae = RunVae(settings),
        diffusion = RunDiffusion(settings),
    };

    public static object RunLanguageModel(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: Seed);
        MusicSplit published = ml.Generative().Datasets.JsbChorales(JsbFile.Quarter);
        MusicSplit apart = published.KeepTranspositionsTogether(seed: Seed);
        return new
        {
            workload = "music-lm",
            steps = Steps(settings),
            uniform = Math.Round(MusicLikelihood.Uniform(), 2),
            published_split = Likelihood(ml, settings, published),
            transpositions_together = Likelihood(ml, settings, apart),
        };
    }

    public static object RunHarmony(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: Seed);
        MusicSplit chorales = ml.Generative().Datasets.JsbChorales();
        MusicTokens tokens = MusicTokens.Voices(VoiceSteps, lowest: 30, highest: 90);
        var watch = Stopwatch.StartNew();
        using MaskedLanguageModelTransformer model = settings.Model is { } file
            ? (MaskedLanguageModelTransformer)ml.Generative().LoadModel(file, out _)
            : TrainHarmony(ml, settings, chorales, tokens);
        double seconds = watch.Elapsed.TotalSeconds;
        if (settings.Model is null)
            Keep(model, ml, "harmony.zip");

        // Bach's own on the same grid, and his melodies harmonized.
        NoteSequence[] bach = [.. chorales.TestSet.ReadMusic().Select(piece => tokens.Decode(tokens.Encode(piece)))];
        var harmonizer = new MusicHarmonizer(model);
        watch.Restart();
        NoteSequence[] harmonized = Harmonize(new HarmonizeOptions().VoiceLeadingWeight);
        double perPiece = watch.Elapsed.TotalSeconds / harmonized.Length;
        Keep(harmonized[0], "harmony");
        Keep(bach[0], "bach");
        return new
        {
            workload = "music-harmony",
            steps = settings.Model is null ? Steps(settings) : (int?)null,
            fit_seconds = settings.Model is null ? Math.Round(seconds, 1) : (double?)null,
            harmonize_seconds = Math.Round(perPiece, 2),
            bach = Measures(ml, bach, bach),
            harmonized = Measures(ml, harmonized, bach),
            harmonized_by_the_model_alone = Measures(ml, Harmonize(voiceLeadingWeight: 0), bach),
        };

        NoteSequence[] Harmonize(double voiceLeadingWeight) => [.. bach.Take(HarmonizedPieces).Select((piece, i) =>
            harmonizer.HarmonizeInNaturalKey(
                piece, options: new HarmonizeOptions { VoiceLeadingWeight = voiceLeadingWeight, Seed = i }))];
    }

    public static object RunVae(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: Seed);
        string folder = Path.Combine(ml.Generative().DataDirectory, "nottingham");
        NoteSequence[] tunes = [.. ml.Generative().Datasets.MidiFolder(folder).ReadMusic().Select(tune => tune.OfVoice(0))];
        // Two bars of 4/4 in sixteenth notes; every sixth tune is kept for the test.
        var roll = new PianoRoll { Lowest = 55, Highest = 90, Steps = 32, StepsPerQuarter = 4, MarksStarts = true, IsMelody = true };
        NoteSequence[] train = [.. tunes.Where((_, i) => i % 6 > 0).InParts(8, hop: 1).InKeys(-3, 3, roll.Lowest, roll.Highest)];
        NoteSequence[] test = [.. tunes.Where((_, i) => i % 6 == 0).InParts(8)
            .Where(part => part.Notes.All(note => note.Pitch >= roll.Lowest && note.Pitch <= roll.Highest))];
        var watch = Stopwatch.StartNew();
        using VaeTransformer model = ml.Transforms.Generative().MusicToPianoRoll("Image", "Music", roll)
            .Append(ml.Transforms.Generative().Vae(new VaeOptions
            {
                HiddenSizes = [512],
                LatentSize = 64,
                Beta = 0.1,
                BatchSize = 128,
                LearningRate = 2e-3,
                MaxSteps = Steps(settings),
                Seed = Seed,
                Threads = settings.Threads,
            })).Fit(Rows(ml, train)).LastTransformer;
        double seconds = watch.Elapsed.TotalSeconds;
        IReadOnlyList<NoteSequence> between = model.Interpolate(roll, test[0], test[^1], count: 5);
        for (int i = 0; i < between.Count; i++)
            Keep(between[i], $"between-{i}");
        return new
        {
            workload = "music-vae",
            steps = Steps(settings),
            train_parts = train.Length,
            test_parts = test.Length,
            fit_seconds = Math.Round(seconds, 1),
            train_accuracy = Math.Round(train.Where((_, i) => i % 100 == 0).Average(part => Accuracy(model, roll, part)), 3),
            test_accuracy = Math.Round(test.Average(part => Accuracy(model, roll, part)), 3),
        };
    }

    public static object RunDiffusion(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: Seed);
        MusicSplit chorales = ml.Generative().Datasets.JsbChorales();
        var roll = new PianoRoll { Steps = 32, StepsPerQuarter = 2 };
        NoteSequence[] train = [.. InKeys(chorales.TrainSet, roll.Lowest, roll.Highest).InParts(16, hop: 4)];
        NoteSequence[] test = [.. chorales.TestSet.ReadMusic().InParts(16).Select(part => roll.Decode(roll.Encode(part)))];
        var watch = Stopwatch.StartNew();
        using DiffusionTransformer model = ml.Transforms.Generative().MusicToPianoRoll("Image", "Music", roll)
            .Append(ml.Transforms.Generative().Diffusion(new DiffusionOptions
            {
                MaxSteps = Steps(settings),
                LearningRate = 2e-3,
                EmaDecay = 0.99,
                Seed = Seed,
                Threads = settings.Threads,
            })).Fit(Rows(ml, train)).LastTransformer;
        double seconds = watch.Elapsed.TotalSeconds;
        IReadOnlyList<NoteSequence> composed = model.Compose(roll, 16, new DiffusionGenerateOptions { Seed = Seed });
        Keep(composed[0], "diffusion");
        return new
        {
            workload = "music-diffusion",
            steps = Steps(settings),
            fit_seconds = Math.Round(seconds, 1),
            bach = Measures(ml, test, test),
            composed = Measures(ml, composed, test),
        };
    }

    private static MaskedLanguageModelTransformer TrainHarmony(
        MLContext ml, BenchmarkSettings settings, MusicSplit chorales, MusicTokens tokens)
    {
        // Whole pieces, for their ends, and parts that begin at any bar; all in C major or A minor, which is less to learn than all keys.
        NoteSequence[] pieces =
            [.. chorales.TrainSet.ReadMusic().Select(piece => piece.Transpose(MusicKey.Estimate(piece).SemitonesToNatural))];
        IDataView train = Rows(ml, pieces.Concat(pieces.InParts(HarmonyQuarters, hop: 4)));
        return ml.Transforms.Generative().MusicToText("Text", "Music", tokens)
            .Append(ml.Transforms.Generative().MaskedLanguageModel(new MaskedLanguageModelOptions
            {
                Tokenizer = tokens.Tokenizer,
                Architecture = new EncoderArchitecture
                {
                    Layers = 3,
                    Heads = 4,
                    EmbeddingSize = 96,
                    ContextLength = HarmonyContext,
                    SegmentCount = 0,
                    IsPreNorm = true,
                    LocalAttention = NearWords,
                },
                MaxTokens = HarmonyContext,
                Masking = MaskingKind.OrderAgnostic,
                Dropout = 0.05,
                LearningRate = 2e-3,
                BatchSize = 32,
                MaxSteps = Steps(settings),
                Seed = Seed,
                Threads = settings.Threads,
            })).Fit(train).LastTransformer;
    }

    private static object Likelihood(MLContext ml, BenchmarkSettings settings, MusicSplit split)
    {
        MusicTokens tokens = MusicTokens.PianoRoll(stepsPerQuarter: 1, marksHeld: false);
        IDataView test = Rows(ml, split.TestSet.ReadMusic().Select(WithKey));
        MusicToTextTransformer toText = ml.Transforms.Generative().MusicToText("Text", "Music", tokens).Fit(test);
        var watch = Stopwatch.StartNew();
        // The few training pieces are soon known by heart: the best epoch is kept.
        using LanguageModelTransformer model = ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Tokenizer = tokens.Tokenizer,
            Architecture = LanguageModelArchitecture.GptNano with
            {
                Layers = 3,
                Heads = 4,
                EmbeddingSize = 96,
                ContextLength = 192,
            },
            Dropout = 0.2,
            LearningRate = 3e-3,
            BatchSize = 16,
            MaxSteps = Steps(settings),
            ValidationData = toText.Transform(Rows(ml, split.ValidationSet.ReadMusic().Select(WithKey))),
            EarlyStoppingPatience = 5,
            Seed = Seed,
            Threads = settings.Threads,
        }).Fit(toText.Transform(Rows(ml, InKeys(split.TrainSet, 21, 108).Select(WithKey))));
        double seconds = watch.Elapsed.TotalSeconds;
        var composer = new MusicComposer(model);
        NoteSequence[] composed = [.. Enumerable.Range(0, 8).Select(
            i => composer.Compose(new ComposeOptions { Bars = 8, Temperature = 0.9, Seed = i }))];
        Keep(composed[0], "language-model");
        NoteSequence[] real = [.. split.TestSet.ReadMusic()];
        return new
        {
            fit_seconds = Math.Round(seconds, 1),
            test_pieces_known_in_other_keys = split.CountTestTranspositions(),
            marginal = Math.Round(MusicLikelihood.Marginal(split.TrainSet.ReadMusic(), real, 1).NegativeLogLikelihoodPerStep, 3),
            train_nll = Math.Round(Nll(ml, model, Rows(ml, split.TrainSet.ReadMusic().Select(WithKey))), 3),
            validation_nll = Math.Round(Nll(ml, model, Rows(ml, split.ValidationSet.ReadMusic().Select(WithKey))), 3),
            test_nll = Math.Round(Nll(ml, model, test), 3),
            bach = Measures(ml, real, real),
            composed = Measures(ml, composed, real),
        };
    }

    private static double Nll(MLContext ml, LanguageModelTransformer model, IDataView data) =>
        ml.Generative().EvaluateMusicLikelihood(model, data, stride: 48).NegativeLogLikelihoodPerStep;

    private static NoteSequence WithKey(NoteSequence piece) => piece.WithKey(MusicKey.Estimate(piece));

    private static IEnumerable<NoteSequence> InKeys(IDataView data, int lowest, int highest) =>
        data.ReadMusic().InKeys(lowestPitch: lowest, highestPitch: highest);

    private static object Measures(MLContext ml, IEnumerable<NoteSequence> pieces, IEnumerable<NoteSequence> reference)
    {
        MusicMetrics metrics = ml.Generative().EvaluateMusic(Rows(ml, pieces), Rows(ml, reference));
        return new
        {
            pieces = metrics.Pieces,
            consonance = Math.Round(metrics.Consonance, 3),
            pitch_class_distance = Math.Round(metrics.PitchClassDistance!.Value, 3),
            parallels_percent = Math.Round(100 * metrics.VoiceLeading.ParallelShare, 2),
            crossings_percent = Math.Round(100 * metrics.VoiceLeading.CrossingShare, 2),
        };
    }

    // The share of steps whose pitch, or silence, is the same.
    private static double Accuracy(VaeTransformer model, PianoRoll roll, NoteSequence part)
    {
        PianoRoll plain = roll with { MarksStarts = false };
        float[] expected = plain.Encode(part), found = plain.Encode(model.Reconstruct(roll, part));
        return Enumerable.Range(0, roll.Steps).Average(step => Enumerable.Range(0, roll.Pitches)
            .All(row => expected[row * roll.Steps + step] == found[row * roll.Steps + step]) ? 1.0 : 0);
    }

    private static IDataView Rows(MLContext ml, IEnumerable<NoteSequence> pieces) =>
        ml.Data.LoadFromEnumerable<MusicRow>([.. pieces.Select(piece => new MusicRow { Music = piece })]);

    private static int Steps(BenchmarkSettings settings) => (int)(settings.Stream.Steps ?? UsualSteps);

    // What a person may listen to, where a folder for it is named.
    private static void Keep(NoteSequence piece, string name)
    {
        if (Environment.GetEnvironmentVariable("MUSIC_SAMPLES") is not { Length: > 0 } folder)
            return;
        Directory.CreateDirectory(folder);
        MidiFile.Write(Path.Combine(folder, name + ".mid"), piece);
        PianoRollImage.Save(Path.Combine(folder, name + ".png"), piece);
        Synthesizer.WriteWav(Path.Combine(folder, name + ".wav"), piece);
    }

    private static void Keep(ITransformer model, MLContext ml, string name)
    {
        if (Environment.GetEnvironmentVariable("MUSIC_SAMPLES") is { Length: > 0 } folder)
        {
            Directory.CreateDirectory(folder);
            ml.Model.Save(model, null, Path.Combine(folder, name));
        }
    }
}
