using Microsoft.ML.Generative.Music;

namespace Microsoft.ML.Generative.Tests;

public sealed class JsbChoralesTests
{
    private const string Quarter = "jsb-chorales/jsb-chorales-quarter.json";
    private const string Voices = "jsb-chorales/Jsb16thSeparated.json";

    [DataFileFact(Quarter)]
    public void The_split_has_the_published_pieces_and_steps()
    {
        MusicSplit split = Read(JsbFile.Quarter, Quarter);
        MusicTokens tokens = MusicTokens.PianoRoll(stepsPerQuarter: 1, marksHeld: false);
        Assert.Equal([(229, 13807), (76, 4602), (77, 4725)], new[] { split.TrainSet, split.ValidationSet, split.TestSet }.Select(part =>
            (part.ReadMusic().Count(), part.ReadMusic().Sum(piece => tokens.Encode(piece).Count(c => c == '|')))));
    }

    // 88 ln 2, and the frequencies of the training part counted by another program.
    [DataFileFact(Quarter)]
    public void The_baselines_are_those_of_the_data()
    {
        MusicSplit split = Read(JsbFile.Quarter, Quarter);
        MusicLikelihood marginal = MusicLikelihood.Marginal(split.TrainSet.ReadMusic(), split.TestSet.ReadMusic(), stepsPerQuarter: 1);
        Assert.Equal(60.997, MusicLikelihood.Uniform(), 3);
        Assert.Equal(11.061427978854, marginal.NegativeLogLikelihoodPerStep, 9);
        Assert.Equal((77, 4725), (marginal.Pieces, marginal.Steps));
    }

    // Counted by another program.
    [DataFileFact(Voices)]
    public void Bachs_own_faults_are_few()
    {
        MusicSplit split = Read(JsbFile.SixteenthVoices, Voices);
        Assert.Equal(new VoiceLeading(16516, 15, 6, 21507, 174), VoiceLeading.Of(split.TestSet.ReadMusic()));
        Assert.Equal(new VoiceLeading(47475, 32, 29, 59501, 560), VoiceLeading.Of(split.TrainSet.ReadMusic()));
    }

    [DataFileFact(Quarter)]
    public void A_split_can_keep_transpositions_together()
    {
        MusicSplit split = Read(JsbFile.Quarter, Quarter);
        // More than a third of the test pieces; counted by another program.
        Assert.Equal(28, split.CountTestTranspositions());

        MusicSplit apart = split.KeepTranspositionsTogether(seed: 1);
        Assert.Equal(0, apart.CountTestTranspositions());
        Assert.Equal(
            [229, 76, 77], new[] { apart.TrainSet, apart.ValidationSet, apart.TestSet }.Select(part => part.ReadMusic().Count()));
        Assert.Equal(Names(split).Order(), Names(apart).Order());
        Assert.Equal(Names(apart), Names(split.KeepTranspositionsTogether(seed: 1)));
        Assert.NotEqual(Names(apart), Names(split.KeepTranspositionsTogether(seed: 2)));
    }

    [Fact]
    public void A_missing_file_is_named_with_its_place_and_a_broken_one_with_its_fault()
    {
        using var folder = new TemporaryFolder();
        var ml = new MLContext();
        ml.Generative().DataDirectory = folder.Path;
        string path = Path.Combine(folder.Path, "jsb-chorales", "jsb-chorales-8th.json");
        Assert.Contains(path, Assert.Throws<FileNotFoundException>(() => ml.Generative().Datasets.JsbChorales(JsbFile.Eighth)).Message);

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        foreach ((string json, string fault) in ((string, string)[])[
            ("{", "is not valid"), ("[]", "is not valid"), ("{\"train\": []}", "has no part 'valid'"),
            ("{\"train\": [[[128]]], \"valid\": [], \"test\": []}", "train 0, step 0 has the pitch 128"),
            ("{\"train\": [[[60.5]]], \"valid\": [], \"test\": []}", "has the pitch 60.5")])
        {
            File.WriteAllText(path, json);
            Assert.Contains(
                fault, Assert.Throws<InvalidDataException>(() => ml.Generative().Datasets.JsbChorales(JsbFile.Eighth)).Message);
        }

        File.WriteAllText(path, "{\"train\": [[[60.0, 64], [60], [], [60]]], \"valid\": [], \"test\": []}");
        Assert.Equal(
            [(64, 0L, 240L), (60, 0L, 480L), (60, 720L, 240L)],
            ml.Generative().Datasets.JsbChorales(JsbFile.Eighth).TrainSet.ReadMusic().Single().Notes
                .Select(note => (note.Pitch, note.Start, note.Duration)));
    }

    private static IEnumerable<string> Names(MusicSplit split) => new[] { split.TrainSet, split.ValidationSet, split.TestSet }
        .SelectMany(part => new MLContext().Data.CreateEnumerable<MusicRow>(part, reuseRowObject: false)).Select(row => row.Name);

    private static MusicSplit Read(JsbFile file, string path)
    {
        var ml = new MLContext();
        ml.Generative().DataDirectory = Path.GetDirectoryName(Path.GetDirectoryName(DataFile.Find(path)))!;
        return ml.Generative().Datasets.JsbChorales(file);
    }
}
