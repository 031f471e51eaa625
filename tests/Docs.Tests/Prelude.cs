namespace Docs.Tests;

/// <summary>
/// What an example may rely on without saying so. A page's block relies on nothing but the usings of every console project;
/// an example of the API reference, which is read beside its member, also has this library's namespaces and the variables below.
/// </summary>
internal static class Prelude
{
    /// <summary>What the SDK's ImplicitUsings bring.</summary>
    public const string Page = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;

    /// <summary>Imported by a static using, so that an example may declare variables of the same names itself.</summary>
    public const string Reference = """
        global using Microsoft.ML;
        global using Microsoft.ML.Generative;
        global using Microsoft.ML.Generative.Evaluation;
        global using Microsoft.ML.Generative.Music;
        global using Microsoft.ML.Generative.Schedulers;
        global using Microsoft.ML.Generative.ReinforcementLearning;
        global using Microsoft.ML.Generative.Statistics;
        global using Microsoft.ML.Generative.Tokenizers;
        global using static Prelude;

        internal static class Prelude
        {
            internal static MLContext mlContext { get; } = new(seed: 1);
            internal static IDataView data { get; } = mlContext.Generative().Datasets.Digits(10_000, seed: 1);
            internal static IDataView testData { get; } = mlContext.Generative().Datasets.Digits(1_000, seed: 2);
        }
        """;
}
