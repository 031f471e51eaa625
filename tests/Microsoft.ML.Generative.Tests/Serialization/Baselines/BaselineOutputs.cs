using System.Text;
using System.Text.Json;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What a model computes for fixed inputs: numbers and texts.</summary>
internal sealed class BaselineOutputs
{
    private const int Parts = 6;

    public Dictionary<string, float[]> Numbers { get; init; } = [];

    public Dictionary<string, string[]> Texts { get; init; } = [];

    /// <summary>Adds an output: its values, or, where they are many, some of them and sums in which all have their part.</summary>
    public void Add(string name, IEnumerable<float> values)
    {
        float[] all = [.. values];
        Numbers.Add(name, all.Length <= 2 * Parts ? all : [.. Enumerable.Range(0, Parts).SelectMany(part =>
        {
            float[] some = all[(part * all.Length / Parts)..((part + 1) * all.Length / Parts)];
            return new[] { some[0], (float)some.Select((value, i) => value * Math.Cos(i)).Sum() };
        })]);
    }

    public void Add(string name, IEnumerable<float[]> rows) => Add(name, rows.SelectMany(row => row));

    public void Add(string name, IEnumerable<string> texts) => Texts.Add(name, [.. texts]);

    public static BaselineOutputs Read(string path) => JsonSerializer.Deserialize<BaselineOutputs>(File.ReadAllText(path))!;

    /// <summary>One line for each output.</summary>
    public byte[] ToJson()
    {
        static string Lines<T>(Dictionary<string, T> outputs) =>
            string.Join(",", outputs.Select(o => $"\n    {JsonSerializer.Serialize(o.Key)}: {JsonSerializer.Serialize(o.Value)}"));
        return Encoding.UTF8.GetBytes($"{{\n  \"Numbers\": {{{Lines(Numbers)}\n  }},\n  \"Texts\": {{{Lines(Texts)}\n  }}\n}}\n");
    }

    /// <summary>Fails with the name of the output that differs.</summary>
    public static void AssertClose(BaselineOutputs expected, BaselineOutputs actual, float tolerance)
    {
        Assert.Equal(expected.Numbers.Keys.Order(), actual.Numbers.Keys.Order());
        Assert.Equal(expected.Texts.Keys.Order(), actual.Texts.Keys.Order());
        foreach ((string name, float[] numbers) in expected.Numbers)
        {
            int length = actual.Numbers[name].Length;
            Assert.True(numbers.Length == length, $"'{name}' has {length} numbers; expected {numbers.Length}");
            for (int i = 0; i < numbers.Length; i++)
            {
                (float e, float a) = (numbers[i], actual.Numbers[name][i]);
                Assert.True(Math.Abs(e - a) <= tolerance * (1 + Math.Abs(e)), $"'{name}', number {i}: expected {e}, computed {a}");
            }
        }

        foreach ((string name, string[] texts) in expected.Texts)
        {
            (string e, string a) = (JsonSerializer.Serialize(texts), JsonSerializer.Serialize(actual.Texts[name]));
            Assert.True(e == a, $"'{name}': expected {e}, computed {a}");
        }
    }
}
