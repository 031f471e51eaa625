using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class FrozenParametersTests
{
    [Theory]
    [InlineData("0.weight", "0.weight")]
    [InlineData("0.*", "0.weight 0.bias")]
    [InlineData("*.bias", "0.bias 1.bias")]
    [InlineData("?.weight", "0.weight 1.weight")]
    [InlineData("0.bias 1.bias", "0.bias 1.bias")]
    public void Patterns_match_whole_names(string patterns, string expected)
    {
        TorchRuntime.EnsureLoaded();
        using torch.nn.Module network = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.Linear(2, 1));
        FrozenParameters.Apply(network, patterns.Split(' '));
        Assert.Equal(expected.Split(' '), FrozenParameters.Of(network).Select(p => p.Name));
        Assert.True(FrozenParameters.AnyTrained(network));
    }

    [Theory]
    [InlineData("weight")]
    [InlineData("0.Weight")]
    [InlineData("2.*")]
    public void A_pattern_that_matches_nothing_is_refused_with_some_names(string pattern)
    {
        TorchRuntime.EnsureLoaded();
        using torch.nn.Module network = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.Linear(2, 1));
        string message = Assert.Throws<ArgumentException>(() => FrozenParameters.Apply(network, ["0.weight", pattern])).Message;
        Assert.Contains($"FrozenParameters has '{pattern}', which matches no parameter of the model. It has 4: '0.weight', '0.bias', "
            + $"'1.weight', '1.bias'.", message);
    }

    [Fact]
    public void The_hash_tells_names_shapes_and_values_apart()
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor a = torch.tensor(new float[] { 1, 2 }), b = torch.tensor(new float[] { 1, 3 });
        string? Hash(string name, torch.Tensor values) => FrozenParameters.Hash([(name, values)]);
        Assert.Null(FrozenParameters.Hash([]));
        Assert.Equal(Hash("a", a), Hash("a", a.clone()));
        Assert.Equal(4, new[] { Hash("a", a), Hash("b", a), Hash("a", b), Hash("a", a.view(1, 2)) }.Distinct().Count());
        Assert.Equal(FrozenParameters.Hash([("a", a), ("b", b)]), FrozenParameters.Hash([("b", b), ("a", a)]));
    }

    [Fact]
    public void An_empty_name_is_refused() =>
        Assert.Contains("FrozenParameters is empty", Assert.Throws<ArgumentException>(() =>
            new ToyOptions { FrozenParameters = [""] }.Validate()).Message);
}
