using System.Reflection;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Reads rows into plain objects so that they can be compared: vectors become arrays.</summary>
internal static class Rows
{
    public static List<object?[]> Read(IDataView data, Random? rand = null)
    {
        using DataViewRowCursor cursor = data.GetRowCursor(data.Schema, rand);
        return Read(cursor);
    }

    public static List<object?[]> Read(DataViewRowCursor cursor)
    {
        Func<object?>[] getters = [.. cursor.Schema.Where(cursor.IsColumnActive).Select(c => Getter(cursor, c))];
        List<object?[]> rows = [];
        while (cursor.MoveNext())
            rows.Add([.. getters.Select(get => get())]);
        return rows;
    }

    public static object?[] ReadOne(DataViewRow row) => [.. row.Schema.Select(c => Getter(row, c)())];

    public static void AssertEqual(List<object?[]> expected, List<object?[]> actual, double tolerance)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (int i = 0; i < expected.Count; i++)
            AssertEqual(expected[i], actual[i], tolerance);
    }

    public static void AssertEqual(object?[] expected, object?[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (expected[i] is float[] or float)
            {
                float[] left = expected[i] as float[] ?? [(float)expected[i]!];
                float[] right = actual[i] as float[] ?? [(float)actual[i]!];
                Assert.Equal(left.Length, right.Length);
                for (int k = 0; k < left.Length; k++)
                {
                    Assert.True(
                        Math.Abs(left[k] - right[k]) <= tolerance * (1 + Math.Abs(left[k])),
                        $"column {i}, value {k}: {left[k]} and {right[k]}");
                }
            }
            else
            {
                Assert.Equal(expected[i], actual[i]);
            }
        }
    }

    private static Func<object?> Getter(DataViewRow row, DataViewSchema.Column column)
    {
        Type type = column.Type.RawType;
        bool isVector = column.Type is VectorDataViewType;
        MethodInfo method = typeof(Rows).GetMethod(
            isVector ? nameof(VectorGetter) : nameof(ValueGetter), BindingFlags.NonPublic | BindingFlags.Static)!;
        return (Func<object?>)method.MakeGenericMethod(isVector ? type.GetGenericArguments()[0] : type).Invoke(null, [row, column])!;
    }

    private static Func<object?> ValueGetter<T>(DataViewRow row, DataViewSchema.Column column)
    {
        ValueGetter<T> getter = row.GetGetter<T>(column);
        return () =>
        {
            T value = default!;
            getter(ref value);
            return value switch
            {
                ReadOnlyMemory<char> text => text.ToString(),
                MLImage image => image.Pixels.ToArray(),
                _ => value,
            };
        };
    }

    private static Func<object?> VectorGetter<T>(DataViewRow row, DataViewSchema.Column column)
    {
        ValueGetter<VBuffer<T>> getter = row.GetGetter<VBuffer<T>>(column);
        return () =>
        {
            VBuffer<T> value = default;
            getter(ref value);
            return value.DenseValues().ToArray();
        };
    }
}
