namespace Microsoft.ML.Generative.Tests;

public sealed class LanguageModelArchitectureTests
{
    public static TheoryData<LanguageModelArchitecture, long> PublishedCounts => new()
    {
        { LanguageModelArchitecture.Gpt2, 124_439_808 },
        { LanguageModelArchitecture.Gpt2Medium, 354_823_168 },
        { LanguageModelArchitecture.Gpt2Large, 774_030_080 },
        { LanguageModelArchitecture.Gpt2Xl, 1_557_611_200 },
        { LanguageModelArchitecture.GptNano with { VocabularySize = 65 }, 10_745_088 },
        { LanguageModelArchitecture.LlamaNano with { VocabularySize = 32_000 }, 15_191_712 },
        { LanguageModelArchitecture.LlamaNano with
        {
            VocabularySize = 512, Layers = 5, Heads = 8, KeyValueHeads = 4, EmbeddingSize = 64, FeedForwardSize = 172,
        }, 260_032 },
        { LanguageModelArchitecture.Llama2, 6_738_415_616 },
        { LanguageModelArchitecture.Llama3, 1_235_814_400 },
        { LanguageModelArchitecture.SmolLm2, 134_515_008 },
        { LanguageModelArchitecture.Qwen2, 494_032_768 },
        { LanguageModelArchitecture.Mistral, 7_241_732_096 },
    };

    [Theory]
    [MemberData(nameof(PublishedCounts))]
    public void Presets_have_the_published_number_of_parameters(LanguageModelArchitecture architecture, long published) =>
        Assert.Equal(published, architecture.CountParameters());

    [Fact]
    public void Impossible_shapes_are_refused_by_name()
    {
        LanguageModelArchitecture gpt = LanguageModelArchitecture.GptNano;
        foreach ((LanguageModelArchitecture wrong, string name) in ((LanguageModelArchitecture, string)[])[
            (gpt with { Layers = 0 }, nameof(gpt.Layers)),
            (gpt with { Heads = 5 }, nameof(gpt.EmbeddingSize)),
            (gpt with { KeyValueHeads = 4 }, nameof(gpt.KeyValueHeads)),
            (gpt with { ContextLength = 0 }, nameof(gpt.ContextLength)),
            (gpt with { RotaryScaling = new(RotaryScalingKind.Linear, 2) }, nameof(gpt.RotaryScaling)),
            (gpt with { Positions = PositionEncoding.Rotary, HeadSize = 3 }, nameof(gpt.HeadSize)),
            (gpt with { NormEpsilon = 0 }, nameof(gpt.NormEpsilon)),
            (gpt with { SlidingWindow = 0 }, nameof(gpt.SlidingWindow)),
            (gpt with { Positions = PositionEncoding.Rotary, RotaryScaling = new(RotaryScalingKind.Llama3, 2, 4, 1) }, nameof(
                RotaryScaling.HighFrequencyFactor))])
        {
            ArgumentException error = Assert.ThrowsAny<ArgumentException>(wrong.Validate);
            Assert.Contains(name, error.Message);
        }
    }
}
