using Microsoft.ML.Generative.Music;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Composing with tiny models: form and promises, not beauty.</summary>
public sealed class MusicComposerTests
{
    // So little training leaves a tail of words that lead away from music, on one processor or another.
    private const double TopP = 0.8;

    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void A_language_model_composes_of_a_length_in_a_key_and_a_tempo()
    {
        using LanguageModelTransformer model = Train(MusicTokens.PianoRoll(1, marksHeld: false), withKey: true);
        var composer = new MusicComposer(model);
        List<MusicProgress> reports = [];
        var options = new ComposeOptions
        {
            Key = MusicKey.Parse("C"),
            Bars = 3,
            Tempo = 90,
            TopP = TopP,
            Seed = 7,
            Progress = new Reports(reports.Add),
        };
        NoteSequence piece = composer.Compose(options);
        Assert.Equal([new KeyChange(0, new MusicKey(0, false))], piece.Keys);
        Assert.Equal(90, piece.Tempos.Single().QuartersPerMinute, 3);
        Assert.Equal([new MeterChange(0, 4, 4)], piece.Meters);
        Assert.True(piece.EndTick <= 12 * 480);
        Assert.Equal(Enumerable.Range(1, 12).Select(step => new MusicProgress(step, 12)), reports);
        Assert.Equal(piece, composer.Compose(options));
        IReadOnlyList<Note> Notes(int seed) =>
            composer.Compose(new ComposeOptions { Key = options.Key, Bars = 3, TopP = TopP, Seed = seed }).Notes;
        Assert.Contains(Enumerable.Range(8, 4), seed => !Notes(seed).SequenceEqual(piece.Notes));
        Assert.NotEmpty(composer.Compose(new ComposeOptions { MaxBars = 8, TopP = TopP, Seed = 1 }).Notes);
    }

    [Fact]
    public void A_continuation_keeps_its_beginning()
    {
        NoteSequence start = Pieces.Chorales(1, 3)[0];
        foreach (MusicTokens tokens in (MusicTokens[])[MusicTokens.PianoRoll(1), MusicTokens.Events(2)])
        {
            using LanguageModelTransformer model = Train(tokens, withKey: false);
            NoteSequence whole = new MusicComposer(model).Continue(start, new ComposeOptions { Bars = 2, TopP = TopP, Seed = 3 });
            Assert.Equal(
                start.Notes.Select(note => (note.Pitch, note.Start)),
                whole.Notes.Where(note => note.Start < 3 * 480).Select(note => (note.Pitch, note.Start)));
            Assert.True(whole.EndTick <= 8 * 480);
            Assert.Contains("Raise Bars", Assert.Throws<ArgumentException>(
                () => new MusicComposer(model).Continue(Pieces.Chorales(1, 4)[0], new ComposeOptions { Bars = 1 })).Message);
            Assert.Throws<ArgumentException>(() => new MusicComposer(model).Continue(new NoteSequence(480, [])));
        }
    }

    // With relative pitches, what a model predicts after a beginning does not depend on the key of the beginning.
    [Fact]
    public void Transposing_a_beginning_by_12_shifts_what_a_relative_model_composes_by_12()
    {
        MusicTokens tokens = MusicTokens.PianoRoll(1, lowest: 36, highest: 84, hasRelativePitches: true);
        using LanguageModelTransformer model = Train(tokens, withKey: false);
        var composer = new MusicComposer(model);
        NoteSequence start = Pieces.Chorales(1, 2)[0];
        Assert.Equal(model.NextTokens(tokens.Encode(start)), model.NextTokens(tokens.Encode(start.Transpose(12))));
        var options = new ComposeOptions { Bars = 2, TopP = TopP, Seed = 5 };
        Assert.Equal(composer.Continue(start, options).Transpose(12), composer.Continue(start.Transpose(12), options));
        Assert.Contains("relative", Assert.Throws<ArgumentException>(
            () => composer.Compose(new ComposeOptions { Key = new MusicKey(0, false) })).Message);
    }

    [Fact]
    public void Composing_can_be_canceled_and_bad_options_are_named()
    {
        using LanguageModelTransformer model = Train(MusicTokens.PianoRoll(1), withKey: false);
        var composer = new MusicComposer(model);
        using var stop = new CancellationTokenSource();
        var options = new ComposeOptions
        {
            Bars = 1000,
            TopP = TopP,
            CancellationToken = stop.Token,
            Progress = new Reports(_ => stop.Cancel()),
        };
        Assert.Throws<OperationCanceledException>(() => composer.Compose(options));
        Assert.Throws<ArgumentOutOfRangeException>(() => composer.Compose(new ComposeOptions { Bars = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => composer.Compose(new ComposeOptions { Tempo = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => composer.Compose(new ComposeOptions { Temperature = -1 }));

        using LanguageModelTransformer words = _ml.Transforms.Generative().LanguageModel(
            Tiny(Microsoft.ML.Generative.Tokenizers.GenerativeTokenizers.CharacterLevel(["abc"], new() { EndOfTextToken = "<e>" })))
            .Fit(_ml.Data.LoadFromEnumerable([new { Text = "abcabc" }]));
        Assert.Contains("not one of music", Assert.Throws<ArgumentException>(() => new MusicComposer(words)).Message);
    }

    // A model that knows nothing takes the logarithm of its vocabulary for each word: 5 of each step, the first begins with the piece.
    [Fact]
    public void The_likelihood_is_per_step_of_all_words_and_the_end()
    {
        using LanguageModelTransformer model = Train(MusicTokens.PianoRoll(1, marksHeld: false), withKey: false);
        IDataView data = _ml.ToRows(Pieces.Chorales(6, 4));
        MusicLikelihood found = _ml.Generative().EvaluateMusicLikelihood(model, data);
        MusicTokens tokens = MusicTokens.PianoRoll(1, marksHeld: false);
        IDataView texts = _ml.Transforms.Generative().MusicToText("Text", "Music", tokens).Fit(data).Transform(data);
        var words = _ml.Generative().EvaluateLanguageModel(model, texts);
        Assert.Equal((6, 24L), (found.Pieces, found.Steps));
        Assert.Equal(6 * (4 * 5 + 1), words.Tokens);
        Assert.Equal(words.NegativeLogLikelihood * words.Tokens / 24, found.NegativeLogLikelihoodPerStep, 9);
    }

    [Fact]
    public void A_masked_language_model_harmonizes_a_melody_and_keeps_it()
    {
        using MaskedLanguageModelTransformer model = TrainMasked();
        var harmonizer = new MusicHarmonizer(model);
        // Eight chords are more than the model sees at once.
        NoteSequence melody = Pieces.Melody(480, 72, 71, 69, 72, 71, 69, 72, 71).WithTempo(70);
        List<MusicProgress> reports = [];
        var options = new HarmonizeOptions { Passes = 6, Seed = 3, Progress = new Reports(reports.Add) };
        NoteSequence chorale = harmonizer.Harmonize(melody, options);
        Assert.Equal(melody.Notes, chorale.OfVoice(0).Notes);
        Assert.Equal(melody.Tempos, chorale.Tempos);
        Assert.Equal(Enumerable.Range(1, 6).Select(pass => new MusicProgress(pass, 6)), reports);
        Assert.Equal(chorale, harmonizer.Harmonize(melody, options));
        Assert.NotEqual(chorale, harmonizer.Harmonize(melody, new HarmonizeOptions { Passes = 6, Seed = 4 }));
        Assert.All(chorale.Notes, note => Assert.InRange(note.Voice, 0, 3));
        Assert.True(chorale.EndTick <= melody.EndTick);

        Assert.Equal(chorale.OfVoice(3).Notes, harmonizer.Harmonize(chorale, new HarmonizeOptions { GivenVoices = [3], Passes = 2 })
            .OfVoice(3).Notes);
        Assert.True(harmonizer.Compose(bars: 2, options).EndTick <= 8 * 480);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-5)]
    [InlineData(6)]
    public void A_piece_is_harmonized_in_its_key_as_it_is_in_C_major(int semitones)
    {
        using MaskedLanguageModelTransformer model = TrainMasked();
        var harmonizer = new MusicHarmonizer(model);
        var options = new HarmonizeOptions { Passes = 6, Seed = 3 };
        NoteSequence melody = Pieces.Melody(480, 72, 71, 72, 67, 69, 71, 72, 64), high = melody.Transpose(semitones);
        Assert.Equal(new MusicKey(0, IsMinor: false), MusicKey.Estimate(melody));
        NoteSequence natural = harmonizer.Harmonize(melody, options);
        Assert.Equal(natural, harmonizer.HarmonizeInNaturalKey(melody, options: options));
        NoteSequence chorale = harmonizer.HarmonizeInNaturalKey(high, options: options);
        Assert.Equal(natural.Transpose(semitones), chorale);
        Assert.Equal(high.Notes, chorale.OfVoice(0).Notes);
        Assert.NotEqual(chorale, harmonizer.Harmonize(high, options));

        // What is not given has no say in the key, and a key that is given is not estimated.
        NoteSequence other = high.With([.. high.Notes, .. high.Notes.Select(note => note with { Pitch = 61, Voice = 1 })]);
        Assert.Equal(chorale, harmonizer.HarmonizeInNaturalKey(other, options: options));
        Assert.Equal(
            harmonizer.Harmonize(melody.Transpose(-3), options).Transpose(3),
            harmonizer.HarmonizeInNaturalKey(melody, MusicKey.Parse("Eb"), options));
    }

    // Of pieces of one chord, of which there are three, the others follow from any note.
    [Fact]
    public void A_harmonizer_learns_chords_that_are_always_the_same()
    {
        using MaskedLanguageModelTransformer model = TrainMasked(chords: 1, size: 64, steps: 600, learningRate: 0.001);
        NoteSequence chorale = new MusicHarmonizer(model).Harmonize(
            Pieces.Melody(480, 72, 71, 69, 72), new HarmonizeOptions { Seed = 1, Temperature = 0.1, VoiceLeadingWeight = 0 });
        int?[] PitchesAt(int step) => [.. Enumerable.Range(0, 4).Select(voice => chorale.OfVoice(voice).Notes
            .FirstOrDefault(note => note.Start <= step * 480 && note.End > step * 480)?.Pitch)];
        int?[][] chords = [.. Enumerable.Range(0, 4).Select(PitchesAt)];
        Assert.Equal([[72, 67, 64, 48], [71, 67, 62, 55], [69, 65, 60, 53], [72, 67, 64, 48]], chords);
    }

    // Silence makes no fault: whatever the model would rather have, there is a word without one in each place.
    [Fact]
    public void Strict_rules_of_voice_leading_leave_no_fault()
    {
        using MaskedLanguageModelTransformer model = TrainMasked();
        var harmonizer = new MusicHarmonizer(model);
        NoteSequence melody = Pieces.Melody(480, 72, 71, 69, 72, 71, 69, 72, 71);
        VoiceLeading free = Faults(0), strict = Faults(100);
        Assert.True(free.Crossings > 0, "A model that knows nothing lets voices cross.");
        Assert.Equal((0, 0, 0), (strict.ParallelFifths, strict.ParallelOctaves, strict.Crossings));
        Assert.True(strict.Chords > 0);

        VoiceLeading Faults(double weight) => VoiceLeading.Of(
            harmonizer.Harmonize(melody, new HarmonizeOptions { Seed = 5, Passes = 8, VoiceLeadingWeight = weight }),
            harmonizer.Compose(bars: 2, new HarmonizeOptions { Seed = 6, Passes = 8, VoiceLeadingWeight = weight }));
    }

    [Fact]
    public void Harmonizing_can_be_canceled_and_bad_arguments_are_named()
    {
        using MaskedLanguageModelTransformer model = TrainMasked();
        var harmonizer = new MusicHarmonizer(model);
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => harmonizer.Compose(
            1, new HarmonizeOptions { CancellationToken = stop.Token, Progress = new Reports(_ => stop.Cancel()) }));
        Assert.Contains("no note of the voices 0", Assert.Throws<ArgumentException>(
            () => harmonizer.Harmonize(new NoteSequence(480, [new Note(60, 0, 480) { Voice = 1 }]))).Message);
        Assert.Contains("voice 4", Assert.Throws<ArgumentException>(
            () => harmonizer.Compose(1, new HarmonizeOptions { GivenVoices = [0, 4] })).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => harmonizer.Compose(1, new HarmonizeOptions { VoiceLeadingWeight = -1 }));
        Assert.Contains("the pitch 100", Assert.Throws<ArgumentException>(() => harmonizer.Harmonize(Pieces.Melody(480, 100))).Message);
    }

    [Fact]
    public void Piano_rolls_are_composed_continued_and_interpolated()
    {
        var roll = new PianoRoll { Lowest = 45, Highest = 76, Steps = 4, StepsPerQuarter = 1 };
        IDataView music = _ml.ToRows(Pieces.Chorales(16, 4));
        using MusicToPianoRollTransformer toRoll = _ml.Transforms.Generative().MusicToPianoRoll("Image", "Music", roll).Fit(music);
        IDataView images = toRoll.Transform(music);
        using VaeTransformer vae = _ml.Transforms.Generative().Vae(new VaeOptions
        {
            HiddenSizes = [32],
            LatentSize = 3,
            MaxSteps = 150,
            Seed = 1,
            Threads = 1,
        }).Fit(images);
        NoteSequence[] pieces = [.. music.ReadMusic().Take(2)];
        IReadOnlyList<NoteSequence> between = vae.Interpolate(roll, pieces[0], pieces[1], count: 4);
        Assert.Equal(4, between.Count);
        Assert.Equal(vae.Reconstruct(roll, pieces[0]), between[0]);
        Assert.Equal(roll.Decode(roll.Encode(pieces[0])), between[0]);
        Assert.Equal(roll.Decode(roll.Encode(pieces[1])), between[3]);
        Assert.Equal(2, vae.Compose(roll, 2, new VaeGenerateOptions { Seed = 1 }).Count);
        Assert.Contains("1 × 32 × 5", Assert.Throws<ArgumentException>(() => vae.Compose(roll with { Steps = 5 }, 1)).Message);

        using DiffusionTransformer diffusion = _ml.Transforms.Generative().Diffusion(new DiffusionOptions
        {
            BlockChannels = [8, 8],
            AttentionLevels = [],
            MaxSteps = 2,
            BatchSize = 4,
            Seed = 1,
            Threads = 1,
            Steps = 2,
        }).Fit(images);
        Assert.Equal(3, diffusion.Compose(roll, 3, new DiffusionGenerateOptions { Seed = 1 }).Count);
        NoteSequence start = pieces[0].Slice(0, 960);
        NoteSequence longer = diffusion.Continue(roll, start, new DiffusionGenerateOptions { Seed = 1 });
        Assert.Equal(roll.Decode(roll.Encode(start)).Notes.Select(note => (note.Pitch, note.Start)),
            longer.Slice(0, 960).Notes.Select(note => (note.Pitch, note.Start)));
        Assert.Contains("has 4 steps", Assert.Throws<ArgumentException>(() => diffusion.Continue(roll, pieces[0])).Message);
    }

    private LanguageModelTransformer Train(MusicTokens tokens, bool withKey)
    {
        IDataView music = _ml.ToRows(Pieces.Chorales(6, 4).Select(piece => withKey ? piece.WithKey(new MusicKey(0, false)) : piece));
        return _ml.Transforms.Generative().MusicToText("Text", "Music", tokens)
            .Append(_ml.Transforms.Generative().LanguageModel(Tiny(tokens.Tokenizer))).Fit(music).LastTransformer;
    }

    private MaskedLanguageModelTransformer TrainMasked(
        int chords = 4, int size = 32, int steps = 3, double learningRate = 0.01)
    {
        MusicTokens tokens = MusicTokens.Voices(1);
        IDataView music = _ml.ToRows(Pieces.Chorales(6, chords));
        return _ml.Transforms.Generative().MusicToText("Text", "Music", tokens)
            .Append(_ml.Transforms.Generative().MaskedLanguageModel(new MaskedLanguageModelOptions
            {
                Tokenizer = tokens.Tokenizer,
                Architecture = new EncoderArchitecture
                {
                    Layers = 1,
                    Heads = 2,
                    EmbeddingSize = size,
                    ContextLength = 4 * chords + 1,
                    SegmentCount = 0,
                    IsPreNorm = true,
                },
                MaxTokens = 4 * chords + 1,
                Masking = MaskingKind.OrderAgnostic,
                MaxSteps = steps,
                LearningRate = learningRate,
                Seed = 1,
                Threads = 1,
            })).Fit(music).LastTransformer;
    }

    private static LanguageModelOptions Tiny(Microsoft.ML.Tokenizers.Tokenizer tokenizer) => new()
    {
        Tokenizer = tokenizer,
        Architecture = LanguageModelArchitecture.GptNano with { Layers = 1, Heads = 1, EmbeddingSize = 16, ContextLength = 32 },
        MaxSteps = 80,
        BatchSize = 4,
        LearningRate = 0.01,
        Seed = 1,
        Threads = 1,
    };

    private sealed class Reports(Action<MusicProgress> report) : IProgress<MusicProgress>
    {
        public void Report(MusicProgress value) => report(value);
    }
}
