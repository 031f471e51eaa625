using System.Buffers.Binary;
using System.Text;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class SafetensorsHeaderTests
{
    private const string Good = """ "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]} """;

    [Fact]
    public void Names_types_shapes_places_and_metadata_are_read()
    {
        byte[] file = SafetensorsBytes.OfEveryType();
        SafetensorsHeader header = SafetensorsHeader.Read(file, "x", file.Length);

        Assert.Equal(["f64", "i64", "f32", "i32", "f16", "bf16", "i16", "i8", "u8", "bool", "empty"], header.Tensors.Select(t => t.Name));
        Assert.Equal("pt", header.Metadata["format"]);
        Assert.Equal(44, header.DataLength);
        Assert.Equal(file.Length - 44, header.DataStart);
        SafetensorsInfo info = header.Find("f32");
        Assert.Equal(torch.ScalarType.Float32, info.Type);
        Assert.Equal([2, 1], info.Shape);
        Assert.Equal((16, 24), (info.Begin, info.End));
    }

    [Fact]
    public void The_order_of_the_data_and_not_that_of_the_names_counts()
    {
        byte[] file = SafetensorsBytes.Of(
            """{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}  """, 1, 2);
        Assert.Equal(["a", "b"], SafetensorsHeader.Read(file, "x", file.Length).Tensors.Select(t => t.Name));
    }

    [Fact]
    public void A_file_without_tensors_is_sound()
    {
        byte[] file = SafetensorsBytes.Of("{}");
        Assert.Empty(SafetensorsHeader.Read(file, "x", file.Length).Tensors);
    }

    [Theory]
    [InlineData("[]", 0, "begins with byte 0x5B")]
    [InlineData(" {}", 0, "begins with byte 0x20")]
    [InlineData("{ ", 0, "not well-formed")]
    [InlineData("{}{}", 0, "not well-formed")]
    [InlineData("{\"a\":1,}", 8, "expected, found '1'")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[[[[[[[[[2]]]]]]]]],\"data_offsets\":[0,8]}}", 8, "whole numbers")]
    [InlineData("{" + Good + "," + Good + "}", 8, "'a' stands in the header twice")]
    [InlineData("{" + Good + ",\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 8, "'k' stands in __metadata__ twice")]
    [InlineData("{" + Good + ",\"__metadata__\":{\"k\":1}}", 8, "'k' in __metadata__")]
    [InlineData("{" + Good + ",\"__metadata__\":null}", 8, "an object was expected, found 'null'")]
    [InlineData(
        "{\"a\":{\"dtype\":\"F8_E5M2\",\"shape\":[8],\"data_offsets\":[0,8]}}", 8,
        "'F8_E5M2', which is not supported; supported are BF16, BOOL")]
    [InlineData("{\"a\":{\"dtype\":\"f32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "'f32', which is not supported")]
    [InlineData(
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8,
        "'shape' of tensor 'a': whole numbers from 0 on were expected, found '-2'")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, "found '2.0'")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}", 8, "found '99999999999999999999'")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":\"2\",\"data_offsets\":[0,8]}}", 8, "an array was expected")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "larger than any file")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296,0],\"data_offsets\":[0,0]}}", 0, "larger than any file")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "takes 12 bytes; its 'data_offsets' span 8")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,8]}}", 8, "takes 0 bytes")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "a begin and an end not before it")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "a begin and an end not before it")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, "more than 2 numbers")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "tensor 'a' lacks 'data_offsets'")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "tensor 'a' has 'dtype' twice")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"strides\":[1]}}", 8, "unknown member 'strides'")]
    [InlineData(
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[7,11]}}",
        11, "'b' begins at byte 7 and overlaps that of 'a'")]
    [InlineData(
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[9,10]}}",
        10, "bytes 8 to 9 of the data, before tensor 'b'")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "bytes 0 to 4")]
    [InlineData("{" + Good + "}", 7, "ends at byte 8 where the file has 7 bytes of data: it is cut off")]
    [InlineData("{" + Good + "}", 9, "cover 8 bytes of data where the file has 9")]
    [InlineData("{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "not valid Unicode")]
    public void A_malformed_header_is_refused_with_the_reason(string json, int dataBytes, string reason)
    {
        byte[] file = SafetensorsBytes.Of(json, new byte[dataBytes]);

        var fromSpan = Assert.Throws<InvalidDataException>(() => SafetensorsHeader.Read(file, "some.safetensors", file.Length));
        var fromStream = Assert.Throws<InvalidDataException>(() =>
            SafetensorsHeader.Read(new MemoryStream(file), "some.safetensors", file.Length));

        Assert.Contains("'some.safetensors'", fromSpan.Message);
        Assert.Contains(reason, fromSpan.Message);
        Assert.Equal(fromSpan.Message, fromStream.Message);
    }

    [Fact]
    public void More_dimensions_than_libtorch_iterates_over_are_refused()
    {
        string ones = string.Join(',', Enumerable.Repeat("1", 65));
        byte[] file = SafetensorsBytes.Of(
            """{"a":{"dtype":"U8","shape":[?],"data_offsets":[0,1]}}""".Replace("?", ones, StringComparison.Ordinal), 0);
        Assert.Contains("more than 64 numbers", Refused(file, file.Length));
    }

    [Fact]
    public void A_header_that_is_not_utf8_is_refused()
    {
        byte[] json = Encoding.UTF8.GetBytes("{" + Good + "}");
        json[Array.IndexOf(json, (byte)'a')] = 0xFF;
        byte[] file = SafetensorsBytes.Of(json, new byte[8]);
        Assert.Contains("not UTF-8", Refused(file, file.Length));
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 63)]
    [InlineData(100_000_001UL)]
    [InlineData(99_999_999UL)]
    [InlineData(1UL)]
    [InlineData(0UL)]
    public void A_length_that_cannot_be_is_refused_before_anything_is_allocated_for_it(ulong length)
    {
        byte[] file = SafetensorsBytes.Of("{" + Good + "}", new byte[8]);
        BinaryPrimitives.WriteUInt64LittleEndian(file, length);

        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (long? known in new long?[] { file.Length, null })
            Assert.Throws<InvalidDataException>(() => SafetensorsHeader.Read(new MemoryStream(file), "x", known));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void Every_shorter_beginning_of_a_file_is_refused()
    {
        byte[] file = SafetensorsBytes.OfEveryType();
        for (int length = 0; length < file.Length; length++)
            Refused(file[..length], length);
    }

    [Fact]
    public void Long_names_do_not_flood_messages()
    {
        byte[] file = SafetensorsBytes.Of($$"""{"{{new string('n', 50_000)}}":1}""");
        Assert.InRange(Refused(file, file.Length).Length, 1, 400);
    }

    private static string Refused(byte[] file, long length) =>
        Assert.Throws<InvalidDataException>(() => SafetensorsHeader.Read(file, "x", length)).Message;
}
