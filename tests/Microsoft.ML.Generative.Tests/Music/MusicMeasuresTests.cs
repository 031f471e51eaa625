using Microsoft.ML.Generative.Music;

namespace Microsoft.ML.Generative.Tests;

public sealed class MusicMeasuresTests
{
    private readonly MLContext _ml = new(seed: 1);

    // Two voices, of which both move; the faults by the rules of counterpoint.
    [Theory]
    [InlineData(new[] { 67, 60 }, new[] { 69, 62 }, 1, 1, 0, 0)] // fifth to fifth, up
    [InlineData(new[] { 79, 60 }, new[] { 81, 62 }, 1, 1, 0, 0)] // the same an octave apart
    [InlineData(new[] { 72, 60 }, new[] { 70, 58 }, 1, 0, 1, 0)] // octave to octave, down
    [InlineData(new[] { 60, 60 }, new[] { 62, 62 }, 1, 0, 1, 0)] // unison to unison
    [InlineData(new[] { 67, 60 }, new[] { 79, 48 }, 1, 0, 0, 0)] // fifths in contrary motion are no parallels
    [InlineData(new[] { 67, 60 }, new[] { 67, 60 }, 0, 0, 0, 0)] // nobody moves
    [InlineData(new[] { 67, 60 }, new[] { 67, 62 }, 0, 0, 0, 0)] // one moves
    [InlineData(new[] { 64, 60 }, new[] { 65, 62 }, 1, 0, 0, 0)] // thirds
    [InlineData(new[] { 67, 60 }, new[] { 60, 62 }, 1, 0, 0, 1)] // the upper voice goes below the lower
    public void Faults_of_two_voices_are_counted(int[] first, int[] second, int motions, int fifths, int octaves, int crossings)
    {
        NoteSequence piece = Pieces.Chords(first, second);
        Assert.Equal(new VoiceLeading(motions, fifths, octaves, first.SequenceEqual(second) ? 1 : 2, crossings), VoiceLeading.Of(piece));
    }

    [Fact]
    public void Faults_are_counted_for_each_pair_of_voices_and_shared_by_all_motions()
    {
        // All four voices move up by a tone: bass and tenor are a fifth apart, bass and alto an octave, tenor and soprano an octave;
        // tenor and alto a fourth, soprano and alto a fifth, soprano and bass a twelfth.
        VoiceLeading found = VoiceLeading.Of(Pieces.Chords([67, 60, 55, 48], [69, 62, 57, 50]));
        Assert.Equal(new VoiceLeading(6, 3, 2, 6, 0), found);
        Assert.Equal(5.0 / 6, found.ParallelShare, 12);
        Assert.Equal(0, VoiceLeading.Of(Pieces.Melody(480, 60, 62)).ParallelShare);
    }

    [Fact]
    public void A_voice_that_rests_does_not_move()
    {
        var piece = new NoteSequence(480,
        [
            new Note(67, 0, 480), new Note(69, 960, 480), new Note(60, 0, 480) { Voice = 1 }, new Note(62, 960, 480) { Voice = 1 },
        ]);
        Assert.Equal(new VoiceLeading(0, 0, 0, 2, 0), VoiceLeading.Of(piece));
    }

    // The major triad: third, fifth, and minor third above; its second inversion has a fourth above the lowest note.
    [Theory]
    [InlineData(new[] { 67, 64, 60 }, 1.0)]
    [InlineData(new[] { 72, 67, 64 }, 1.0)] // first inversion: third, sixth, and a fourth between the upper two
    [InlineData(new[] { 76, 72, 67 }, 2.0 / 3)] // second inversion
    [InlineData(new[] { 61, 60 }, 0.0)] // minor second
    [InlineData(new[] { 66, 60 }, 0.0)] // tritone
    [InlineData(new[] { 72, 60 }, 1.0)] // octave
    [InlineData(new[] { 70, 67, 64, 60 }, 4.0 / 6)] // the dominant seventh: seventh and tritone are dissonant
    public void Consonance_is_that_of_the_intervals(int[] chord, double share) =>
        Assert.Equal(share, _ml.Generative().EvaluateMusic(_ml.ToRows([Pieces.Chords(chord)])).Consonance, 12);

    [Fact]
    public void Consonance_counts_time()
    {
        // A third for three quarters, a second for one.
        var piece = new NoteSequence(480, [new Note(60, 0, 1920), new Note(64, 0, 1440), new Note(62, 1440, 480)]);
        Assert.Equal(0.75, _ml.Generative().EvaluateMusic(_ml.ToRows([piece])).Consonance, 12);
    }

    [Fact]
    public void Pitch_classes_are_shares_of_time_and_compared_in_one_key()
    {
        NoteSequence piece = Pieces.Melody(480, 60, 62, 64, 65, 67, 69, 71, 72, 67, 64, 60, 60);
        MusicMetrics metrics = _ml.Generative().EvaluateMusic(_ml.ToRows([piece]), _ml.ToRows([piece.Transpose(5), piece.Transpose(-2)]));
        Assert.Equal([4, 0, 1, 0, 2, 1, 0, 2, 0, 1, 0, 1], metrics.PitchClasses.Select(share => (int)Math.Round(share * 12)));
        Assert.Equal(0, metrics.PitchClassDistance!.Value, 12);

        Assert.Equal(1, PitchClassHistogram.Distance(
            PitchClassHistogram.Of(Pieces.Melody(480, 60)), PitchClassHistogram.Of(Pieces.Melody(480, 61))), 12);
        Assert.Equal(0.5, PitchClassHistogram.Distance(
            PitchClassHistogram.Of(Pieces.Melody(480, 60, 72)), PitchClassHistogram.Of(Pieces.Melody(480, 60, 61))), 12);
        Assert.Throws<ArgumentException>(() => _ml.Generative().EvaluateMusic(_ml.ToRows([])));
    }

    // Two steps of the piano; C4 sounds in one of two training steps, and nothing else: (1 + 1) / (2 + 2) for it, 1/4 for the others.
    [Fact]
    public void The_marginal_baseline_is_that_of_its_formula()
    {
        var train = new NoteSequence(480, [new Note(62, 0, 480), new Note(60, 480, 480)]);
        MusicLikelihood found = MusicLikelihood.Marginal([train], [Pieces.Melody(480, 60)], stepsPerQuarter: 1);
        Assert.Equal(-Math.Log(0.5) - Math.Log(0.5) - 86 * Math.Log(0.75), found.NegativeLogLikelihoodPerStep, 12);
        Assert.Equal((1, 1), (found.Pieces, found.Steps));
    }
}
